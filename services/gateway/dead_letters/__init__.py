"""Dead letters as operators meet them: lists, campaigns, counts."""
