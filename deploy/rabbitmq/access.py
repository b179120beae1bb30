"""The users of the broker and the least that each must be allowed; patterns are RabbitMQ's own.

With WAYMARK_TOPOLOGY=given no service makes what is the house's, so none may: configure, the right
to make, is the right to delete too. A worker makes the queues that it serves.
"""

import re
from dataclasses import dataclass
from typing import Final

from shared.contracts.topology import (
    DEAD_LETTER_EXCHANGE,
    DEAD_LETTER_QUEUE,
    DELIVER_EXCHANGE,
    RESERVED_QUEUE_NAMES,
    PriorityClass,
    ladder_level,
)

NOTHING: Final = "^$"
DEFAULT_EXCHANGE: Final = "amq.default"  # as permissions call the one without a name


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may speak to the broker; the three patterns say of what names."""

    name: str
    configure: str = NOTHING
    write: str = NOTHING
    read: str = NOTHING
    tags: tuple[str, ...] = ()


def users() -> tuple[User, ...]:
    """Return them all; the notifier is none: it does not speak to RabbitMQ."""
    publishes = [re.escape(DEFAULT_EXCHANGE), re.escape(ladder_level(0)[:-1]) + "[0-9]+"]
    work = _work_queues()
    return (
        User("gateway", write=_any_of(*publishes), read=_any_of(re.escape(DEAD_LETTER_QUEUE))),
        User(
            "worker",
            configure=_any_of(work),
            # to bind a queue is to write to it, to name a dead-letter exchange to write to that
            write=_any_of(*publishes, re.escape(DEAD_LETTER_EXCHANGE), work),
            read=_any_of(re.escape(DELIVER_EXCHANGE), work),
        ),
        User("monitoring", tags=("monitoring",)),
    )


def _work_queues() -> str:
    reserved = "|".join(sorted(RESERVED_QUEUE_NAMES))
    classes = "|".join(each for each in PriorityClass if each is not PriorityClass.NORMAL)
    return rf"waymark\.(?!(?:{reserved})(?:\.|$))[a-z0-9-]+(?:\.(?:{classes}))?"


def _any_of(*patterns: str) -> str:
    return f"^(?:{'|'.join(patterns)})$"
