"""Redis as a deployment runs it: its configuration, and who may do what."""
