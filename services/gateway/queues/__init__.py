"""The queues of the house: what lies in each, who serves it, and who paused it."""
