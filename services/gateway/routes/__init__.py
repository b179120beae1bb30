"""One file per noun: parse → call → render."""
