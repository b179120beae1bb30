"""Token buckets: how many requests a second, and how many at once."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Rate:
    """A bucket of `burst` requests, filled with `per_second`; both at least 1."""

    per_second: float
    burst: int


@dataclass(frozen=True, slots=True)
class Draw:
    """What a bucket gave: `granted` requests, with `left` in it; else none for `wait_ms`."""

    granted: int
    left: int
    wait_ms: int
