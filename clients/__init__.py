"""Users of the public API; they import nothing of the house."""
