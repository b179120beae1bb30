"""What one connection may cost."""

import msgspec


class Bounds(msgspec.Struct, frozen=True, kw_only=True):
    """Sizes in bytes, durations in seconds."""

    first_message: int = 64 * 1024  # a token for 200 jobs and a cursor for each are 36 KiB
    message: int = 64 * 1024
    buffer_high: int = 32 * 1024  # from here on a connection counts as slow
    buffer_low: int = 8 * 1024  # and from here on as quick again
    crowded: int = 256 * 1024  # of what waits: here it takes no more places of jobs
    backlog: int = 1024 * 1024  # of what waits: here it is closed at once
    slow_for: float = 10.0  # and when it has been slow for so long
    close_within: float = 3.0  # what has not answered a close by then is cut
