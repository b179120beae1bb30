"""Spans are sent by a thread of their own; what cannot be is dropped, counted and told once."""

import threading
import time
from collections.abc import Sequence
from functools import partial

from structlog.testing import capture_logs

from shared.runtime.tracing.exporting import MOST_TOGETHER, CollectorAway, SpanExport
from shared.runtime.tracing.spans import Kind, Span
from tests.eventually import eventually

PARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
SOON = 0.01  # seconds


def a_span(name: str = "x") -> Span:
    return Span(
        name=name, kind=Kind.INTERNAL, traceparent=PARENT, parent="", began_at=1, ended_at=2,
        facts={},
    )  # fmt: skip


def dropped(export: SpanExport, count: int) -> bool:
    return export.dropped == count


class Far:
    """A collector; `away` while it takes nothing."""

    def __init__(self) -> None:
        self.got: list[Span] = []
        self.batches: list[int] = []
        self.away = False
        self.hangs = threading.Event()
        self.hangs.set()

    def send(self, spans: Sequence[Span]) -> None:
        self.hangs.wait(10)
        if self.away:
            raise CollectorAway("nobody there")
        self.batches.append(len(spans))
        self.got += spans


def test_what_is_told_arrives_in_order_and_in_batches() -> None:
    far = Far()
    export = SpanExport(far.send, interval=SOON)
    spans = [a_span(str(number)) for number in range(2 * MOST_TOGETHER + 3)]
    for span in spans:
        export.take(span)
    export.start()

    eventually(lambda: len(far.got) == len(spans))
    export.close()
    assert far.got == spans
    assert max(far.batches) == MOST_TOGETHER
    assert (export.exported, export.dropped) == (len(spans), 0)


def test_what_there_is_no_room_for_is_dropped_and_counted_and_nobody_waits() -> None:
    far = Far()
    far.hangs.clear()
    export = SpanExport(far.send, interval=SOON, most_waiting=10)
    export.start()
    started = time.monotonic()
    with capture_logs() as lines:
        for _ in range(1_000):
            export.take(a_span())

    assert time.monotonic() - started < 1
    assert 980 <= export.dropped <= 990  # a batch may be in its hands
    assert [line["event"] for line in lines if line["log_level"] == "warning"] == ["spans_dropped"]
    far.hangs.set()
    export.close()


def test_a_collector_that_is_away_is_told_of_once_and_again_when_it_is_back() -> None:
    far = Far()
    far.away = True
    export = SpanExport(far.send, interval=SOON)
    with capture_logs() as lines:
        export.start()
        for lost in (1, 2, 3):
            export.take(a_span())
            eventually(partial(dropped, export, lost))
        far.away = False
        export.take(a_span("late"))
        eventually(lambda: far.got)
        export.close()

    told = [line["event"] for line in lines if line["log_level"] != "debug"]
    assert told == ["spans_dropped", "spans_exported_again"]
    assert ([span.name for span in far.got], export.dropped) == (["late"], 3)


def test_a_collector_that_is_too_slow_is_told_of_once_while_it_is() -> None:
    export: SpanExport
    taken = threading.Semaphore(0)

    def slow(_spans: Sequence[Span]) -> None:
        for _ in range(2 * MOST_TOGETHER):  # more come than it takes
            export.take(a_span())
        taken.release()

    export = SpanExport(slow, interval=SOON, most_waiting=2 * MOST_TOGETHER)
    with capture_logs() as lines:
        export.take(a_span())
        export.start()
        for _ in range(20):
            assert taken.acquire(timeout=5)
        told = [line["event"] for line in lines if line["log_level"] != "debug"]
        export.close()

    assert told == ["spans_dropped"]


def test_a_stop_sends_what_waits() -> None:
    far = Far()
    export = SpanExport(far.send, interval=60)
    export.start()
    export.take(a_span())
    export.close()

    assert len(far.got) == 1


def test_a_stop_waits_for_no_collector_that_hangs() -> None:
    far = Far()
    far.hangs.clear()
    export = SpanExport(far.send, hang_up=lambda: None, interval=SOON)
    export.start()
    export.take(a_span())
    started = time.monotonic()
    export.close(within=0.2)
    export.take(a_span())

    assert time.monotonic() - started < 2
    assert export.dropped == 1
    far.hangs.set()


def test_a_mistake_of_ours_costs_its_batch_and_not_the_thread() -> None:
    got: list[Span] = []

    def send(spans: Sequence[Span]) -> None:
        if spans[0].name == "bad":
            raise ValueError("what is that")
        got.extend(spans)

    export = SpanExport(send, interval=SOON)
    with capture_logs() as lines:
        export.start()
        export.take(a_span("bad"))
        eventually(lambda: export.dropped == 1)
        export.take(a_span("good"))
        eventually(lambda: got)
        export.close()

    assert [line["event"] for line in lines if line["log_level"] == "error"] == [
        "spans_not_written"
    ]
