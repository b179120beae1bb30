"""Handlers in threads: side by side, with nothing in common, and let go where they do not end."""

import json
import time
from collections.abc import Iterator

import pytest

from services.worker.isolation import SlotsAndThreads
from services.worker.slots.terms import Died, Raised, Reported, Returned, Saved
from services.worker.threads import pool
from services.worker.threads.pool import ThreadSlots
from tests.eventually import eventually
from tests.fakes.thread_jobs import free, inside, last_of, story_of, thread_slots, told_to_stop


@pytest.fixture
def slots() -> Iterator[ThreadSlots]:
    with thread_slots() as made:
        yield made


def test_each_of_several_handlers_knows_its_own_job(slots: ThreadSlots) -> None:
    names = [f"job-{number}" for number in range(8)]
    running = [slots.start(inside("whoami", name=name, seconds=0.2)) for name in names]
    told = [json.loads(end.result) for end in map(last_of, running) if isinstance(end, Returned)]

    assert [before for before, _, _ in told] == [after for _, after, _ in told] == names
    assert len({thread for _, _, thread in told}) == len(names)


def test_a_thread_is_used_again_and_knows_nothing_of_its_last_job(slots: ThreadSlots) -> None:
    found = [last_of(slots.start(inside("leave", text=text))) for text in ("one", "two")]
    assert found == [Returned('"nothing"')] * 2

    first, second = (last_of(slots.start(inside("whoami", seconds=0))) for _ in range(2))
    assert first == second


def test_what_a_handler_raises_is_told_as_from_a_slot(slots: ThreadSlots) -> None:
    refused = last_of(slots.start(inside("refuse")))
    assert isinstance(refused, Raised)
    assert (refused.kind, refused.code, refused.message) == ("fail", "declined", "card declined")
    assert "services/worker" not in refused.traceback

    unfit = last_of(slots.start(inside("echo", text=7)))
    assert isinstance(unfit, Raised)
    assert (unfit.kind, unfit.code) == ("payload", "invalid_payload")


def test_progress_is_thinned_out_but_the_last_is_told(slots: ThreadSlots) -> None:
    began = time.monotonic()
    *before, end = story_of(slots.start(inside("track", count=200_000)))
    seconds = time.monotonic() - began
    reported = [event for event in before if isinstance(event, Reported)]
    saved = [event for event in before if isinstance(event, Saved)]

    assert end == Returned('"done"')
    assert [json.loads(event.data) for event in saved] == [{"row": 100_000}]
    assert [event.number for event in reported] == list(range(1, len(reported) + 1))
    assert len(reported) <= 2 + seconds * 10
    assert json.loads(reported[-1].progress)["current"] == 200_000


def test_a_claim_that_is_too_old_is_not_started(slots: ThreadSlots) -> None:
    assert last_of(slots.start(inside("echo", sent_ago=12.5, text=""))) == Died(
        signal=None, exit_code=None, peak_rss=0, refused=True
    )


def test_a_handler_that_hangs_is_let_go_and_nothing_it_says_is_heard(slots: ThreadSlots) -> None:
    slot = slots.start(inside("hang"))
    assert slot.next_event(0.1) is None
    slot.kill()
    slot.kill()

    assert story_of(slot, within=1) == [Died(signal=None, exit_code=None, peak_rss=0)]
    assert last_of(slots.start(inside("echo", text="other"))) == Returned('"other"')
    free.set()
    assert told_to_stop.wait(5)
    assert slot.next_event(0.1) is None


def test_with_too_many_that_hang_the_process_is_of_no_more_use(slots: ThreadSlots) -> None:
    hanging = [slots.start(inside("hang")) for _ in range(pool.MOST_LET_GO + 1)]
    for slot in hanging:
        assert slots.alive
        slot.kill()
    assert not slots.alive

    free.set()
    eventually(lambda: slots.alive, within=5)


def test_closing_tells_handlers_to_stop_and_does_not_wait_for_one_that_hangs() -> None:
    with thread_slots() as slots:
        slot = slots.start(inside("hang"))
        assert slot.next_event(0.1) is None
        asked = time.monotonic()
        slots.close()
        assert time.monotonic() - asked < pool.CLOSING_SECONDS + 1
        assert isinstance(last_of(slot, within=1), Died)


def test_each_type_runs_in_its_place() -> None:
    with thread_slots() as outer, thread_slots() as inner:
        known = [entry for entry in inner.catalogue() if entry.type == "inside.echo"]
        only_echo = ThreadSlots(known, lease=15)
        both = SlotsAndThreads(outer, only_echo)
        assert both.catalogue() == outer.catalogue()
        assert both.alive

        assert last_of(both.start(inside("echo", text="x"))) == Returned('"x"')
        assert last_of(both.start(inside("leave", text="x"))) == Returned('"nothing"')
        only_echo.close()
        both.close()
