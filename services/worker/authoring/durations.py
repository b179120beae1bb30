"""Durations and sizes as job authors write them: "200ms", "55m", "1h" or seconds; "512MiB"."""

import math
import re
from typing import Final

Duration = str | float
Size = str | int

LONGEST: Final = 3_650 * 86_400.0  # seconds; beyond it a time no longer fits into a record
_DURATION: Final = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)")
_SECONDS: Final = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0}
_SIZE: Final = re.compile(r"(\d+)\s*(KiB|MiB|GiB)")
_BYTES: Final = {"KiB": 2**10, "MiB": 2**20, "GiB": 2**30}


def seconds(duration: Duration) -> float:
    """Return a duration in seconds.

    Raises:
        ValueError: it is negative, longer than ten years or not written as above.
    """
    if isinstance(duration, str):
        match = _DURATION.fullmatch(duration.strip())
        meant = float(match[1]) * _SECONDS[match[2]] if match else math.nan
    else:
        meant = math.nan if isinstance(duration, bool) else float(duration)
    # Written so that NaN, which compares false to everything, falls through.
    if 0 <= meant <= LONGEST:
        return meant
    text = (
        f'a duration is "200ms", "30s", "55m", "1h", "2d" or a number of seconds,'
        f" at most ten years, not {duration!r}"
    )
    raise ValueError(text)


def size_in_bytes(size: Size) -> int:
    """Return a size in bytes.

    Raises:
        ValueError: it is not positive or not written as "512MiB" or a number of bytes.
    """
    if isinstance(size, str):
        match = _SIZE.fullmatch(size.strip())
        if match and int(match[1]) > 0:
            return int(match[1]) * _BYTES[match[2]]
    elif not isinstance(size, bool) and size > 0:
        return size
    text = f'a size is "512MiB", "2GiB" or a number of bytes, not {size!r}'
    raise ValueError(text)
