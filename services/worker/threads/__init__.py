"""`isolation="thread"`: handlers in the worker's own process, behind the protocol of the slots."""
