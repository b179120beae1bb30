"""The process around the slots: its parts in order, the event loop beside them, its health."""
