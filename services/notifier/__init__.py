"""Event in, socket out; never changes a job."""
