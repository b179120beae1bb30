"""A clock that moves only when somebody waits on it."""


class HandClock:
    """Monotonic seconds; `pause` and waiting slots let them pass."""

    def __init__(self, now: float = 1000.0) -> None:
        self.now = now

    def monotonic(self) -> float:
        return self.now

    def pause(self, seconds: float) -> None:
        self.now += seconds
