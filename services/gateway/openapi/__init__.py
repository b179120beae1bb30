"""What the API says of itself, beyond what the routes' code can tell."""
