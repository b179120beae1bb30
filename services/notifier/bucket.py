"""A token bucket: so many at once, filled at a rate. Pure."""


class Bucket:
    """Full at the beginning; time comes with each call, in seconds, monotonic."""

    __slots__ = ("_at", "_burst", "_level", "_rate")

    def __init__(self, *, rate: float, burst: float, now: float) -> None:
        """Hold up to `burst`; `rate` a second flow in."""
        self._rate, self._burst = rate, burst
        self._level, self._at = burst, now

    def take(self, now: float) -> bool:
        """Take one out; False: there was none."""
        self._level = min(self._burst, self._level + (now - self._at) * self._rate)
        self._at = now
        if self._level < 1:
            return False
        self._level -= 1
        return True
