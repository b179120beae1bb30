"""What is counted, as plain numbers: counting must cost nothing on the way of an event."""

from collections import Counter


class Tally:
    """One per process; `metrics.py` shows it when asked."""

    def __init__(self) -> None:
        self.connections = 0
        self.transitions = 0  # written to a connection
        self.progress = 0
        self.conflated = 0  # progress that a slow connection was spared
        self.closed: Counter[str] = Counter()  # our code, "client" or "lost"
        self.refused: Counter[str] = Counter()  # HTTP status of a handshake
