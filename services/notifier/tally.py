"""What is counted, as plain numbers: counting must cost nothing on the way of an event."""

from collections import Counter
from typing import Final

from services.notifier.closes import Close

LEFT: Final = ("client", "lost", "done")  # closed by none of our codes; done: an SSE of a final job
REFUSED: Final = (400, 401, 403, 404, 405, 414, 426, 429, 431, 500, 503, 505)


class Tally:
    """One per process; `metrics.py` shows it when asked."""

    def __init__(self) -> None:
        self.connections = 0
        self.transitions = 0  # written to a connection
        self.progress = 0
        self.conflated = 0  # progress that a slow connection was spared
        # There from the start: our codes and LEFT; the HTTP statuses of refused handshakes.
        self.closed = Counter(dict.fromkeys((*(str(int(code)) for code in Close), *LEFT), 0))
        self.refused = Counter({str(status): 0 for status in REFUSED})
