"""How many requests are inside this process; more than it may hold are shed."""


class Crowd:
    """Counts them. Whoever enters leaves."""

    __slots__ = ("_inside", "_most")

    def __init__(self, most: int) -> None:
        """Let at most `most` in at once."""
        self._most = most
        self._inside = 0

    @property
    def is_full(self) -> bool:
        """Whether the next one is too many."""
        return self._inside >= self._most

    @property
    def is_too_large(self) -> bool:
        """Whether whoever came last is too many."""
        return self._inside > self._most

    def enter(self) -> None:
        """Count one in."""
        self._inside += 1

    def leave(self) -> None:
        """Count one out."""
        self._inside -= 1
