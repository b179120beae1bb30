"""The client rule: whatever the stream does, a watcher sees every step once and in order."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from clients.cli.follow import JobView, Verdict

EPOCH = "8b592835"


def snapshot(step: int, revision: int, *, epoch: str = EPOCH) -> dict[str, Any]:
    return {
        "type": "snapshot",
        "job": "j",
        "epoch": epoch,
        "seq": 1,
        "revision": revision,
        "step": step,
        "state": "running",
        "attempt": 1,
        "progress": {"current": 1, "total": 4, "percent": 25.0, "message": None},
        "result": None,
        "error": None,
        "history": [{"step": n, "state": "running", "at": "…"} for n in range(1, step + 1)],
    }


def transition(
    step: int, revision: int, state: str = "retrying", *, epoch: str = EPOCH
) -> dict[str, Any]:
    return {
        "type": "transition",
        "job": "j",
        "epoch": epoch,
        "seq": 1,
        "revision": revision,
        "step": step,
        "state": state,
        "at": "…",
        "attempt": 1,
    }


def progress(step: int, revision: int, *, epoch: str = EPOCH) -> dict[str, Any]:
    return {
        "type": "progress",
        "job": "j",
        "epoch": epoch,
        "seq": 1,
        "revision": revision,
        "step": step,
        "progress": {"current": revision, "total": None, "percent": None, "message": "on"},
    }


def seen(view: JobView) -> list[int]:
    return [entry["step"] for entry in view.history]


def test_before_any_snapshot_there_is_no_place_to_resume_from() -> None:
    assert JobView("j").subscription() == {"job": "j"}


def test_a_snapshot_replaces_everything_even_backwards() -> None:
    view = JobView("j")
    view.take(snapshot(5, 40))

    assert view.take(snapshot(2, 7, epoch="other")) is Verdict.APPLIED

    assert (view.epoch, view.step, view.revision) == ("other", 2, 7)
    assert seen(view) == [1, 2]


def test_the_next_step_is_taken() -> None:
    view = JobView("j")
    view.take(snapshot(2, 10))

    assert view.take(transition(3, 14, "succeeded") | {"result": {"rows": 1}}) is Verdict.APPLIED

    assert view.final
    assert view.result == {"rows": 1}
    assert seen(view) == [1, 2, 3]
    assert view.subscription() == {"job": "j", "epoch": EPOCH, "revision": 14, "step": 3}


def test_what_was_seen_before_is_dropped() -> None:
    view = JobView("j")
    view.take(snapshot(2, 10))

    assert view.take(transition(2, 10)) is Verdict.DROPPED
    assert view.take(progress(2, 9)) is Verdict.DROPPED


def test_a_missing_step_asks_for_the_job_again_and_keeps_the_place() -> None:
    view = JobView("j")
    view.take(snapshot(2, 10))

    assert view.take(transition(4, 12)) is Verdict.RESUBSCRIBE
    assert view.take(progress(3, 12)) is Verdict.RESUBSCRIBE

    assert view.subscription() == {"job": "j", "epoch": EPOCH, "revision": 10, "step": 2}


def test_holes_between_revisions_are_legal() -> None:
    view = JobView("j")
    view.take(snapshot(2, 10))

    assert view.take(progress(2, 900)) is Verdict.APPLIED


def test_a_frame_of_another_epoch_is_dropped_and_asks_for_a_snapshot() -> None:
    view = JobView("j")
    view.take(snapshot(2, 10))

    assert view.take(transition(3, 11, "succeeded", epoch="other")) is Verdict.RESUBSCRIBE

    assert not view.final
    assert view.subscription() == {"job": "j"}


@given(st.data())
def test_lost_and_repeated_frames_never_show_a_step_twice_or_out_of_order(
    data: st.DataObject,
) -> None:
    frames = [transition(n, n * 3) for n in range(1, 9)] + [
        progress(n, n * 3 + 1) for n in range(9)
    ]
    frames.sort(key=lambda frame: frame["revision"])
    view = JobView("j")
    view.take(snapshot(0, 0))
    told: list[int] = []

    for frame in data.draw(st.lists(st.sampled_from(frames), max_size=40)):
        before = view.step
        if view.take(frame) is Verdict.RESUBSCRIBE:
            # what the server then does: everything after the place
            for missed in frames:
                if view.revision < missed["revision"] <= frame["revision"]:
                    assert view.take(missed) is Verdict.APPLIED
        told += range(before + 1, view.step + 1)

    assert told == seen(view) == list(range(1, view.step + 1))
