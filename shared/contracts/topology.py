"""Exchanges, queues and the delay ladder, as data. Who serves a queue declares it; see PROTOCOL.

The ladder is a binary one: level n holds a message for 250 ms * 2**n when bit n of the routing key
is 1 and passes it on at once when it is 0 (the scheme of NServiceBus's delayed delivery).
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, replace
from enum import StrEnum
from functools import lru_cache
from typing import Final

DEAD_LETTER_EXCHANGE: Final = "waymark.dlx"
DEAD_LETTER_QUEUE: Final = "waymark.dead"
DELIVER_EXCHANGE: Final = "waymark.deliver"
RESERVED_QUEUE_NAMES: Final = frozenset({"dead", "delay", "deliver", "dlx"})

_QUEUE_NAME: Final = re.compile(r"[a-z0-9-]{1,63}", re.ASCII)  # a dot would reach a class

LADDER_LEVELS: Final = 20
LADDER_UNIT_MS: Final = 250
LONGEST_LADDER_DELAY_MS: Final = LADDER_UNIT_MS * (2**LADDER_LEVELS - 1)  # about 72 h

DELIVERY_LIMIT: Final = 1000  # a backstop only: crashes are counted in the record
CONSUMER_TIMEOUT_MS: Final = 24 * 3600 * 1000  # obeyed per queue from RabbitMQ 3.12 on

Arguments = Mapping[str, str | int]


def check_queue_name(name: str) -> None:
    """Let pass what a queue of jobs may be called.

    Raises:
        ValueError: it is none, or one of the house's own.
    """
    if not _QUEUE_NAME.fullmatch(name):
        text = f"a queue name is 1-63 of a-z, 0-9, -, not {name!r}"
        raise ValueError(text)
    if name in RESERVED_QUEUE_NAMES:
        text = f"the queue name {name!r} is reserved"
        raise ValueError(text)


class PriorityClass(StrEnum):
    """A job's priority 0-9 is made real by three queues."""

    HIGH = "high"
    NORMAL = "normal"
    LOW = "low"


_LOWEST_OF_HIGH: Final = 7
_LOWEST_OF_NORMAL: Final = 4
_NAMES_KNOWN: Final = 1024  # of queues with a priority; each message is sent to one of them


def priority_class(priority: int) -> PriorityClass:
    """Return the class of a priority: 7-9 high, 4-6 normal, 0-3 low."""
    if priority >= _LOWEST_OF_HIGH:
        return PriorityClass.HIGH
    return PriorityClass.NORMAL if priority >= _LOWEST_OF_NORMAL else PriorityClass.LOW


@lru_cache(maxsize=_NAMES_KNOWN)
def work_queue(queue: str, priority: int) -> str:
    """Return the name of the AMQP queue for a job's queue and priority."""
    level = priority_class(priority)
    return f"waymark.{queue}" if level is PriorityClass.NORMAL else f"waymark.{queue}.{level}"


def work_queues(queue: str) -> tuple[str, str, str]:
    """Return the three AMQP queues behind one queue, the more urgent first."""
    return (f"waymark.{queue}.high", f"waymark.{queue}", f"waymark.{queue}.low")


def queue_of(amqp_queue: str) -> tuple[str, PriorityClass]:
    """Return the queue behind an AMQP queue, and which of its classes that is."""
    queue, _, level = amqp_queue.removeprefix("waymark.").partition(".")
    return queue, PriorityClass(level) if level else PriorityClass.NORMAL


@dataclass(frozen=True, slots=True)
class Exchange:
    """One durable exchange."""

    name: str
    kind: str
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Queue:
    """One durable queue."""

    name: str
    arguments: Arguments


@dataclass(frozen=True, slots=True)
class Binding:
    """`source` (an exchange) hands what matches `key` to `destination`."""

    source: str
    destination: str
    key: str
    to_exchange: bool = False


@dataclass(frozen=True, slots=True)
class Topology:
    """What has to be there, in the order of the fields."""

    exchanges: tuple[Exchange, ...]
    queues: tuple[Queue, ...]
    bindings: tuple[Binding, ...]
    given: bool = False  # somebody else has made it: it is only looked for (declared passively)


def given(topology: Topology) -> Topology:
    """Return the same as somebody who may not make it wants it; bindings cannot be looked for."""
    return replace(topology, bindings=(), given=True)


_SAFE: Final[dict[str, str | int]] = {
    "x-queue-type": "quorum",
    "x-overflow": "reject-publish",
    "x-dead-letter-strategy": "at-least-once",
}


def work_topology(queue: str) -> Topology:
    """Return what a worker that serves `queue` declares (its three classes)."""
    arguments: Arguments = {
        **_SAFE,
        "x-dead-letter-exchange": DEAD_LETTER_EXCHANGE,
        "x-delivery-limit": DELIVERY_LIMIT,
        "x-consumer-timeout": CONSUMER_TIMEOUT_MS,
    }
    names = work_queues(queue)
    return Topology(
        exchanges=(),
        queues=tuple(Queue(name, arguments) for name in names),
        bindings=tuple(Binding(DELIVER_EXCHANGE, name, f"#.{name}") for name in names),
    )


def dead_letter_topology() -> Topology:
    """Return where messages go that nobody will run, for those who read them."""
    return Topology(
        exchanges=(Exchange(DEAD_LETTER_EXCHANGE, "fanout", {}),),
        queues=(Queue(DEAD_LETTER_QUEUE, {"x-queue-type": "quorum"}),),
        bindings=(Binding(DEAD_LETTER_EXCHANGE, DEAD_LETTER_QUEUE, ""),),
    )


def house_topology() -> Topology:
    """Return what every publisher declares: dead letters, the last hop and the ladder."""
    dead = dead_letter_topology()
    exchanges = [
        *dead.exchanges,
        Exchange(DELIVER_EXCHANGE, "topic", {"alternate-exchange": DEAD_LETTER_EXCHANGE}),
        *(Exchange(ladder_level(n), "topic", {}) for n in range(LADDER_LEVELS)),
    ]
    queues = [*dead.queues]
    bindings = [*dead.bindings]
    for level in range(LADDER_LEVELS):
        name = ladder_level(level)
        below = ladder_level(level - 1) if level else DELIVER_EXCHANGE
        queues.append(
            Queue(
                name,
                {
                    **_SAFE,
                    "x-message-ttl": LADDER_UNIT_MS * 2**level,
                    "x-dead-letter-exchange": below,
                },
            )
        )
        bindings.append(Binding(name, name, _ladder_pattern(level, "1")))
        bindings.append(Binding(name, below, _ladder_pattern(level, "0"), to_exchange=True))
    return Topology(tuple(exchanges), tuple(queues), tuple(bindings))


def ladder_level(level: int) -> str:
    """Return the name of the exchange, and of the queue, of one level of the ladder."""
    return f"waymark.delay.{level}"


def ladder_entry(delay_ms: int) -> tuple[str, int]:
    """Return the exchange to publish to and the delay (ms) it really gives.

    Rounded up to the unit, at least one unit, at most the whole ladder: a longer delay comes
    round and is answered NOT_DUE.
    """
    units = min(max(1, -(-delay_ms // LADDER_UNIT_MS)), 2**LADDER_LEVELS - 1)
    return ladder_level(units.bit_length() - 1), units * LADDER_UNIT_MS


def ladder_key(delay_ms: int, destination: str) -> str:
    """Return the routing key that makes the ladder wait `delay_ms` and then find `destination`."""
    units = ladder_entry(delay_ms)[1] // LADDER_UNIT_MS
    bits = format(units, f"0{LADDER_LEVELS}b")
    return ".".join([*bits, destination])


def _ladder_pattern(level: int, bit: str) -> str:
    words = ["*"] * LADDER_LEVELS
    words[LADDER_LEVELS - 1 - level] = bit
    return ".".join([*words, "#"])
