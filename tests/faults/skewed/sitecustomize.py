"""What Python runs first in a process whose wall clock libfaketime sets wrong.

Its 0.9.10 leaves the monotonic clock alone when told to, but then refuses to sleep until a time of
that clock, which is how Python ≥ 3.11 sleeps: sleep by select(2) instead.
"""

import select
import time
from typing import SupportsIndex


def sleep(seconds: float | SupportsIndex, /) -> None:
    """Do what `time.sleep` does."""
    select.select([], [], [], float(seconds))


time.sleep = sleep
