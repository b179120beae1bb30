"""Takes some of what waits for a slot out again, and leaves the rest in its order."""

import heapq
from collections.abc import Callable
from queue import PriorityQueue
from typing import Any


def take_out(waiting: PriorityQueue[Any], unwanted: Callable[[Any], bool]) -> list[Any]:
    """Return what was taken out, the first in line first; it counts as done. From any thread."""
    with waiting.mutex:
        taken = sorted(item for item in waiting.queue if unwanted(item))
        if not taken:
            return []
        waiting.queue[:] = [item for item in waiting.queue if not unwanted(item)]
        heapq.heapify(waiting.queue)
        waiting.unfinished_tasks -= len(taken)
        waiting.not_full.notify(len(taken))
        if not waiting.unfinished_tasks:
            waiting.all_tasks_done.notify_all()
    return taken
