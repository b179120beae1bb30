"""Spans of the house's own: what they are, and how they get to a collector, if there is one."""
