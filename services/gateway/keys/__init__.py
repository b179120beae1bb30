"""API keys: those of a file and those of the store, how they are found, made and taken back."""
