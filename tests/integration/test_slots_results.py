"""What comes back from a slot."""

import dataclasses
import json
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.worker.slots.client import ZygoteSlots
from services.worker.slots.loading import JobModulesError
from services.worker.slots.terms import Died, Raised, Reported, Returned, Saved
from tests.integration.slots_running import assignment, end_of, events_of, run, slots_with


@pytest.fixture(scope="module")
def slots() -> Iterator[ZygoteSlots]:
    with slots_with() as started:
        yield started


def test_a_handler_s_result_comes_back_as_json(slots: ZygoteSlots) -> None:
    assert run(slots, "echo", text='héllo "quoted"') == Returned('"héllo \\"quoted\\""')


def test_a_handler_without_a_result_gives_null(slots: ZygoteSlots) -> None:
    assert run(slots, "checkpoint", data={}) == Returned("null")


def test_an_async_handler_is_run_to_its_end(slots: ZygoteSlots) -> None:
    assert run(slots, "async", text="x") == Returned('"x"')


def test_a_handler_knows_its_attempt(slots: ZygoteSlots) -> None:
    asked = dataclasses.replace(assignment("whoami", job="job-7"), tenant="acme")
    told = end_of(slots.start(asked))

    assert isinstance(told, Returned)
    assert json.loads(told.result) == {
        "job": "job-7",
        "tenant": "acme",
        "attempt": 1,
        "key": "job-7",
        "resume": None,
        "deadline": False,
        "session": True,
    }


@pytest.mark.parametrize("kind", ["traced", "traced_async"])
def test_a_handler_can_hand_on_its_trace_and_opentelemetry_joins_it(
    slots: ZygoteSlots, kind: str
) -> None:
    parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"
    asked = dataclasses.replace(assignment(kind), traceparent=parent, tracestate="a=1")
    told = end_of(slots.start(asked))
    after = run(slots, kind)

    assert isinstance(told, Returned)
    assert json.loads(told.result) == {
        "traceparent": parent,
        "headers": {"traceparent": parent, "tracestate": "a=1"},
        "otel": parent,
        "state": "a=1",
    }
    assert isinstance(after, Returned)
    left = json.loads(after.result)
    assert (left["traceparent"], left["headers"]) == (None, {})
    assert left["otel"] == f"00-{'0' * 32}-{'0' * 16}-00"


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        ("fail", {"kind": "fail", "code": "declined", "message": "card declined"}),
        ("fail", {"details": '{"bank": "says no"}'}),
        ("retry later", {"after": None, "at_least": 30.0, "details": '{"status": 503}'}),
        ("retry", {"kind": "retry", "after": 90.0, "message": "later"}),
        ("key", {"kind": "error", "matched": "retry_on", "type": "KeyError"}),
        ("zero", {"kind": "error", "matched": "never_on"}),
        ("value", {"kind": "error", "matched": "never_on", "message": "secret text"}),
        ("exit", {"kind": "error", "type": "SystemExit"}),
    ],
)
def test_what_a_handler_raises_is_told_in_the_agreed_words(
    slots: ZygoteSlots, kind: str, expected: dict[str, object]
) -> None:
    raised = run(slots, "raise", kind=kind)

    assert isinstance(raised, Raised)
    assert {name: getattr(raised, name) for name in expected} == expected


def test_a_traceback_shows_the_author_s_code_and_not_ours(slots: ZygoteSlots) -> None:
    raised = run(slots, "raise", kind="value")

    assert isinstance(raised, Raised)
    assert "raise faults[kind]" in raised.traceback
    assert "services/worker/slots" not in raised.traceback


def test_a_payload_that_does_not_fit_never_reaches_the_handler(slots: ZygoteSlots) -> None:
    raised = run(slots, "echo", text=7, extra=True)

    assert isinstance(raised, Raised)
    assert raised.kind == "payload"
    assert "/text" in raised.message
    assert "/extra" in raised.message


def test_nan_is_no_result(slots: ZygoteSlots) -> None:
    raised = run(slots, "nan")

    assert isinstance(raised, Raised)
    assert (raised.kind, raised.code) == ("fail", "result_not_json")


def test_a_result_beyond_the_limit_is_refused_with_its_size(slots: ZygoteSlots) -> None:
    raised = run(slots, "large", size=256 * 1024)

    assert isinstance(raised, Raised)
    assert (raised.kind, raised.code) == ("fail", "result_too_large")
    assert "262146 bytes" in raised.message


def test_a_result_just_within_the_limit_arrives(slots: ZygoteSlots) -> None:
    returned = run(slots, "large", size=256 * 1024 - 2)

    assert isinstance(returned, Returned)
    assert len(returned.result) == 256 * 1024


def test_what_a_handler_prints_never_gets_into_the_frames(slots: ZygoteSlots) -> None:
    assert run(slots, "print", text="hello") == Returned('"hello"')


def test_a_checkpoint_arrives_before_the_end(slots: ZygoteSlots) -> None:
    events = events_of(slots.start(assignment("checkpoint", data={"row": 7})))

    assert events == [Saved('{"row":7}'), Returned("null")]


def test_progress_is_thinned_out_and_the_last_one_precedes_the_result(
    slots: ZygoteSlots,
) -> None:
    events = events_of(slots.start(assignment("report_for", seconds=0.55)))
    reported = [event for event in events if isinstance(event, Reported)]

    assert isinstance(events[-1], Returned)
    assert 5 <= len(reported) <= 8
    assert [event.number for event in reported] == list(range(1, len(reported) + 1))
    assert json.loads(reported[-1].progress)["current"] == int(events[-1].result)


def test_the_newest_progress_arrives_though_the_handler_falls_silent(slots: ZygoteSlots) -> None:
    slot = slots.start(assignment("report_then_sleep", calls=50, seconds=5))
    started, seen = time.monotonic(), 0
    while seen < 50:
        event = slot.next_event(1.0)
        assert isinstance(event, Reported)
        seen = json.loads(event.progress)["current"]
    took = time.monotonic() - started
    slot.kill()
    end_of(slot)

    assert took < 0.5


def test_track_tells_current_total_percent_and_message(slots: ZygoteSlots) -> None:
    events = events_of(slots.start(assignment("track", count=4)))

    assert isinstance(events[-2], Reported)
    assert json.loads(events[-2].progress) == {
        "current": 4,
        "total": 4,
        "percent": 100.0,
        "message": "counting",
    }
    assert events[-1] == Returned("4")


def test_progress_that_is_no_number_is_the_author_s_error(slots: ZygoteSlots) -> None:
    raised = run(slots, "report_wrongly")

    assert isinstance(raised, Raised)
    assert (raised.kind, raised.type) == ("error", "ValueError")


def test_one_process_runs_many_attempts(slots: ZygoteSlots) -> None:
    assert run(slots, "pid") == run(slots, "pid")


@pytest.mark.parametrize("kind", ["once", "leave_thread", "chdir"])
def test_a_process_that_is_not_as_good_as_new_is_not_used_again(
    slots: ZygoteSlots, kind: str
) -> None:
    assert run(slots, kind) != run(slots, "pid")


@pytest.mark.parametrize(
    "what",
    [
        "umask",
        "signal mask",
        "signal handler",
        "limit",
        "closed output",
        "closed stream",
        "other stream",
        "descriptors",
    ],
)
def test_what_a_handler_changes_about_its_process_does_not_befall_the_next_one(
    slots: ZygoteSlots, what: str
) -> None:
    assert run(slots, "litter", what=what) != run(slots, "pid")


def test_the_catalogue_holds_our_own_types_and_the_added_ones(slots: ZygoteSlots) -> None:
    types = {entry.type: entry for entry in slots.catalogue()}

    assert {"csv.profile", "demo.steps", "odd.echo"} <= set(types)
    assert types["odd.echo"].payload_schema["additionalProperties"] is False


def test_our_csv_profile_runs_in_a_slot_and_is_followed_by_bytes(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAYMARK_DATA_DIR", str(tmp_path))
    (tmp_path / "table.csv").write_text("n\n" + "1\n" * 10_000)
    asked = dataclasses.replace(
        assignment("echo"), type="csv.profile", payload='{"source": "table.csv"}'
    )
    with slots_with() as slots:
        events = events_of(slots.start(asked))

    assert isinstance(events[-1], Returned)
    assert json.loads(events[-1].result)["rows"] == 10_000
    assert isinstance(events[-2], Reported)
    progress = json.loads(events[-2].progress)
    assert progress["current"] == progress["total"] == 20_002


def test_our_demo_crashes_as_ordered_and_then_succeeds(slots: ZygoteSlots) -> None:
    payload = '{"steps": 4, "seconds_per_step": 0, "crash_times": 1}'
    first = dataclasses.replace(assignment("echo"), type="demo.steps", payload=payload)
    second = dataclasses.replace(first, attempt=2)
    died = end_of(slots.start(first))

    assert isinstance(died, Died)
    assert died.signal == signal.SIGKILL
    assert end_of(slots.start(second)) == Returned('{"steps":4,"attempt":2}')


def test_a_module_that_cannot_be_imported_is_one_clear_text() -> None:
    with pytest.raises(JobModulesError, match=r"'no\.such\.jobs': ModuleNotFoundError") as caught:
        ZygoteSlots(["no.such.jobs"], lease=15)

    assert "\n" not in str(caught.value)
