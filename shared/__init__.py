"""What several services must agree on; a module stays only while two services reach it."""
