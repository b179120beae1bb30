"""When an event was published, as its own frame says, and when it counts as written."""

import asyncio
from datetime import UTC, datetime

import pytest

from services.notifier.flushing import Flusher
from services.notifier.latency import BUCKETS, Latency, published_at
from shared.stream.merge import Event

AT = datetime(2026, 11, 20, 23, 42, 37, 901_000, tzinfo=UTC).timestamp()
TRANSITION = (
    b'\x81\x7e\x00\x99{"type":"transition","job":"j","epoch":"e","seq":7,"revision":3,"step":2,'
    b'"state":"failed","at":"2026-11-20T23:42:37.901Z","attempt":1,'
    b'"error":{"message":"\\"at\\":\\"2020-01-01T00:00:00.000Z\\""}}'
)
PROGRESS = (
    b'\x81\x7e\x00\x99{"type":"progress","job":"j","epoch":"e","seq":7,"revision":3,"step":2,'
    b'"progress":{"message":"\\"updated_at\\":\\"","updated_at":"2026-11-20T23:42:37.901Z"}}'
)


def event(frame: bytes, *, transition: bool) -> Event:
    return Event("e", 3, 2, transition, frame)


@pytest.mark.parametrize(("frame", "transition"), [(TRANSITION, True), (PROGRESS, False)])
def test_a_frame_says_when_it_was_published(frame: bytes, transition: bool) -> None:
    assert published_at(event(frame, transition=transition)) == AT


def test_a_frame_that_says_nothing_is_not_counted() -> None:
    latency = Latency(Flusher(), lambda: AT)

    latency.told(event(b"{}", transition=True))

    assert published_at(event(b"{}", transition=False)) is None
    assert sum(latency.transitions.counts) == 0


class Slow:
    """A connection; the clock goes on while it writes."""

    def __init__(self, clock: list[float]) -> None:
        self.clock = clock

    def flush(self) -> None:
        self.clock[0] += 0.02


async def test_an_event_counts_when_the_last_connection_has_written_it() -> None:
    flusher, clock = Flusher(), [AT]
    latency = Latency(flusher, lambda: clock[0])
    flusher.add(Slow(clock))
    flusher.add(Slow(clock))

    latency.told(event(TRANSITION, transition=True))
    flusher.add(Slow(clock))
    await asyncio.sleep(0)

    assert latency.transitions.counts[BUCKETS.index(0.05)] == 1
    assert round(latency.transitions.total, 3) == 0.04
    assert sum(latency.progress.counts) == 0


async def test_a_store_whose_clock_is_ahead_is_no_time_machine() -> None:
    flusher = Flusher()
    latency = Latency(flusher, lambda: AT - 5)

    latency.told(event(PROGRESS, transition=False))
    await asyncio.sleep(0)

    assert (latency.progress.counts[0], latency.progress.total) == (1, 0.0)
