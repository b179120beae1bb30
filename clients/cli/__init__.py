"""The command line client: a user of the public API that knows nothing of the house."""
