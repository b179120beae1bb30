"""How Waymark is put on machines. Nothing here is imported by a service."""
