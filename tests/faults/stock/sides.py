"""What a scenario may ask of either side, and what it finds out in the same way on both."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Protocol, TypeVar

from tests.eventually import eventually
from tests.faults.mailman import copies
from tests.faults.stock.misdeeds import Marks
from tests.nodes import Rabbit, Redis

Fact = TypeVar("Fact")

STAGED_SECONDS = 20.0
POLL_SECONDS = 0.05


class NotStaged(Exception):
    """The scene a test wanted never came about: this proves nothing about either side."""


class Crew(Protocol):
    """What an operator has started once: one command, however many processes it makes."""

    def told_to_stop(self) -> None:
        """Send SIGTERM and return when the drain has begun."""

    def kill(self) -> None:
        """End every process of it at once."""

    def was_refused(self) -> bool:
        """Tell whether it has said that the broker refused a message of its own."""

    def revive(self) -> None:
        """Do what Kubernetes does: start it again if it has ended."""


class Side(Protocol):
    """One of the two, on a virtual host and a Redis of its own."""

    marks: Marks
    rabbitmq: Rabbit
    redis: Redis
    amqp_url: str
    vhost: str
    work_queue: str
    delay_queues: str  # a pattern, for policies

    def start(self, *, slots: int, processes: int = 1) -> Crew:
        """Start a crew for `slots` jobs at once and return when it consumes."""

    def submit(self, kind: str, name: str) -> str:
        """Hand a job in, confirmed by the broker; return its id."""

    def dead_letter(self, job: str) -> str | None:
        """Return all that is told about why this job is a dead letter, None while it is none."""

    def housekeeping(self) -> None:
        """Take one turn of what the side does beside its workers."""

    def close(self) -> None:
        """End every process."""


def staged(fact: Callable[[], Fact], within: float = STAGED_SECONDS) -> Fact:
    """Wait for a fact without which the scenario says nothing.

    Raises:
        NotStaged: it did not come; never an AssertionError, which would count as a verdict.
    """
    try:
        return eventually(fact, within)
    except AssertionError as missing:
        raise NotStaged(str(missing)) from missing


def stays(fact: Callable[[], object], seconds: float) -> None:
    """Watch a fact for so long.

    Raises:
        AssertionError: it did not hold, at once.
    """
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        assert fact()
        time.sleep(POLL_SECONDS)


def passes_by(side: Side, name: str, within: float) -> None:
    """Hand in a job with which nothing is wrong; it must be over in time."""
    side.submit("pass-by", name)
    eventually(lambda: side.marks.over(name), within)


def passers_by(side: Side, *names: str) -> None:
    """Let jobs go through one after another, so that what came before them is settled."""
    for name in names:
        side.submit("pass-by", name)
        staged(lambda passer=name: side.marks.over(passer))  # type: ignore[misc]


def messages_ready(side: Side) -> set[str]:
    """Return the ids of the jobs that lie ready in the work queue, and leave them there."""
    return {json.loads(body)["message_id"] for body in copies(side.amqp_url, side.work_queue)}


def messages_held(side: Side) -> tuple[int, int]:
    """Count the messages of the whole virtual host: ready, and handed out but not acked."""
    columns = ("messages_ready", "messages_unacknowledged")
    told = side.rabbitmq.ctl("list_queues", "-p", side.vhost, "--no-table-headers", *columns)
    rows = [line.split() for line in told.splitlines() if line.strip()]
    ready, unacked = (sum(int(row[column]) for row in rows) for column in (0, 1))
    return ready, unacked


def cut_connections(side: Side) -> None:
    """Close every connection from the broker's side; return when the work is consumed again."""
    before = _channels(side)
    side.rabbitmq.ctl("close_all_connections", "--vhost", side.vhost, "the test cuts it")
    staged(lambda: _channels(side) - before)


def _channels(side: Side) -> set[str]:
    """Return which channels consume the work queue."""
    columns = ("queue_name", "channel_pid")
    told = side.rabbitmq.ctl("list_consumers", "-p", side.vhost, "--no-table-headers", *columns)
    rows = [line.split() for line in told.splitlines() if line.strip()]
    return {channel for queue, channel in rows if queue == side.work_queue}


@contextmanager
def delays_refused(side: Side) -> Iterator[None]:
    """Let no delay queue take a message for as long as the context is open."""
    definition = json.dumps({"max-length": 0, "overflow": "reject-publish"})
    here = ("-p", side.vhost)
    side.rabbitmq.ctl("set_policy", *here, "full", side.delay_queues, definition)
    try:
        yield
    finally:
        side.rabbitmq.ctl("clear_policy", *here, "full")
