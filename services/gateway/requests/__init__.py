"""What clients say: bodies, fields and headers, read strictly and checked. Pure but for reading."""
