"""How many requests may pass: of a tenant, of a browser token, of an address that keeps failing."""
