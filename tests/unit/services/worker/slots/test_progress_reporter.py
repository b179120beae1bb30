"""The reporter thins progress out, in order, and never loses the newest."""

import json
import threading

from services.worker.slots.reporting import INTERVAL_SECONDS, Reporter
from services.worker.slots.wire import Progress
from tests.eventually import eventually


class Sink:
    """Keeps frames; complains when two are sent at once."""

    def __init__(self) -> None:
        self.frames: list[Progress] = []
        self._one_at_a_time = threading.Lock()

    def __call__(self, frame: Progress) -> None:
        assert self._one_at_a_time.acquire(blocking=False)
        self.frames.append(frame)
        self._one_at_a_time.release()

    @property
    def newest(self) -> object:
        return json.loads(self.frames[-1].progress)["current"]


def test_the_first_update_is_sent_at_once_and_without_a_thread() -> None:
    sink = Sink()
    reporter = Reporter(sink)
    reporter.put((1, 2, ""))

    assert sink.newest == 1
    assert reporter.threads == 0


def test_a_burst_becomes_its_first_and_its_last() -> None:
    sink = Sink()
    reporter = Reporter(sink)
    for number in range(1_000):
        reporter.put((number, None, ""))
    eventually(lambda: sink.newest == 999, within=INTERVAL_SECONDS * 20)

    assert len(sink.frames) <= 4
    assert [frame.number for frame in sink.frames] == list(range(1, len(sink.frames) + 1))


def test_finish_sends_what_waits_and_nothing_twice() -> None:
    sink = Sink()
    reporter = Reporter(sink)
    reporter.put((1, None, ""))
    reporter.put((2, None, ""))
    reporter.finish()
    reporter.finish()

    assert sink.newest == 2
    assert len(sink.frames) == 2


def test_the_next_attempt_counts_from_one_and_repeats_nothing() -> None:
    sink = Sink()
    reporter = Reporter(sink)
    reporter.put((7, None, ""))
    reporter.finish()
    reporter.begin()
    reporter.finish()
    reporter.put((1, None, ""))

    assert [frame.number for frame in sink.frames] == [1, 1]


def test_updates_from_many_threads_end_with_a_newest() -> None:
    sink = Sink()
    reporter = Reporter(sink)

    def put_many() -> None:
        for number in range(2_000):
            reporter.put((number, None, ""))

    threads = [threading.Thread(target=put_many) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(10)
    reporter.finish()

    assert sink.newest == 1_999
