"""A plain submit, answered where it is read: no task, no framework, one write (ADR 16)."""
