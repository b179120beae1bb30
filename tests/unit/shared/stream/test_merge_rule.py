"""The client rule and the track, one situation at a time."""

import pytest

from shared.stream.merge import Cursor, Event, Track, Verdict, judge
from tests.fakes.stream import Client, Truth, unframed

AT = Cursor("e1", 10, 3)


def event(revision: int, step: int, *, transition: bool, epoch: str = "e1") -> Event:
    return Event(epoch, revision, step, transition, b"")


@pytest.mark.parametrize(
    ("happening", "verdict"),
    [
        (event(11, 4, transition=True), Verdict.APPLY),
        (event(19, 4, transition=True), Verdict.APPLY),  # holes in revisions are legal
        (event(11, 3, transition=False), Verdict.APPLY),
        (event(10, 3, transition=True), Verdict.DROP),
        (event(9, 3, transition=False), Verdict.DROP),
        (event(12, 5, transition=True), Verdict.RESYNC),  # step 4 was missed
        (event(12, 3, transition=True), Verdict.RESYNC),  # the same step anew: not our history
        (event(12, 4, transition=False), Verdict.RESYNC),  # progress proves a missing transition
        (event(11, 4, transition=True, epoch="e2"), Verdict.RESYNC),
        (event(1, 1, transition=True, epoch="e2"), Verdict.RESYNC),
    ],
)
def test_the_rule(happening: Event, verdict: Verdict) -> None:
    assert judge(AT, happening) is verdict


def test_without_a_cursor_everything_asks_for_a_snapshot() -> None:
    assert judge(None, event(1, 1, transition=True)) is Verdict.RESYNC


def after(truth: Truth, *deeds: str) -> Truth:
    for deed in deeds:
        truth.transition() if deed == "t" else truth.report()
    return truth


def kinds(frames: list[bytes]) -> list[str]:
    return [unframed(frame)["type"] for frame in frames]


def test_a_new_watcher_gets_the_snapshot_and_is_live() -> None:
    truth, track = after(Truth(), "t", "t", "p"), Track(None)

    frames = track.placed(truth.place(track.after_step))

    assert kinds(frames) == ["snapshot", "live"]
    assert unframed(frames[1])["recovered"] is False
    assert track.cursor == Cursor("e1", 3, 2)


def test_what_happened_while_the_place_was_read_comes_after_it_once() -> None:
    truth, track = after(Truth(), "t"), Track(None)
    in_both = truth.transition()
    place = truth.place(track.after_step)
    later = truth.transition()

    assert track.happened(in_both) == ()
    assert track.happened(later) == ()
    frames = track.placed(place)

    assert kinds(frames) == ["snapshot", "transition", "live"]
    assert unframed(frames[1])["step"] == 3


def test_a_resume_brings_only_the_missing_steps_and_one_progress() -> None:
    truth = after(Truth(), "t", "t", "p", "t", "t", "p", "p", "p")
    track = Track(Cursor("e1", 3, 2))

    frames = track.placed(truth.place(track.after_step))

    assert kinds(frames) == ["transition", "transition", "progress", "live"]
    assert [unframed(frame)["step"] for frame in frames[:3]] == [3, 4, 4]
    assert unframed(frames[3])["recovered"] is True


def test_a_resume_without_news_is_live_at_once() -> None:
    truth = after(Truth(), "t", "p")
    track = Track(Cursor("e1", 2, 1))

    assert kinds(track.placed(truth.place(track.after_step))) == ["live"]


def test_old_progress_is_not_told_again_after_a_newer_step() -> None:
    truth = after(Truth(), "t", "p", "t")
    track = Track(Cursor("e1", 1, 1))

    assert kinds(track.placed(truth.place(track.after_step))) == ["transition", "live"]


@pytest.mark.parametrize(
    "cursor",
    [
        Cursor("e0", 2, 1),
        Cursor("e1", 2, 9),
        Cursor("e1", 99, 1),
        Cursor("e1", 99, 99),
        Cursor("e1", 2, 1),  # it would drop step 2 as seen, and ask for it for ever
    ],
)
def test_a_cursor_that_is_not_of_this_history_gets_a_snapshot(cursor: Cursor) -> None:
    truth, track = after(Truth(), "t", "t", "p"), Track(cursor)

    assert track.placed(truth.place(track.after_step)) == []
    assert track.syncing
    assert track.after_step == 0
    frames = track.placed(truth.place(track.after_step))

    assert kinds(frames) == ["snapshot", "live"]
    assert unframed(frames[1])["recovered"] is False


def test_a_gap_is_healed_without_a_word_to_the_client() -> None:
    truth, track, client = after(Truth(), "t"), Track(None), Client()
    frames = track.placed(truth.place())
    truth.transition()  # lost on its way

    assert track.happened(truth.transition()) == ()
    assert track.syncing
    frames += track.placed(truth.place(track.after_step))
    frames += track.happened(truth.transition())

    assert kinds(frames) == ["snapshot", "live", "transition", "transition", "transition"]
    for frame in frames:
        client.gets(unframed(frame))
    assert client.breaches == []


def test_a_resync_without_news_says_nothing() -> None:
    truth, track = after(Truth(), "t", "p"), Track(None)
    track.placed(truth.place())

    track.resync()

    assert track.placed(truth.place(track.after_step)) == []
    assert not track.syncing


def test_a_new_epoch_brings_a_snapshot_and_says_live_again() -> None:
    truth, track = after(Truth(), "t", "t", "t"), Track(None)
    track.placed(truth.place())
    truth.fail_over(forgotten=2)

    assert track.happened(truth.transition()) == ()
    assert track.placed(truth.place(track.after_step)) == []
    frames = track.placed(truth.place(track.after_step))

    assert kinds(frames) == ["snapshot", "live"]
    assert track.cursor == Cursor("e2", 2, 2)


def test_a_reading_older_than_the_epoch_of_what_was_held_is_read_again() -> None:
    truth, track = after(Truth(), "t", "t"), Track(None)
    old = truth.place()
    truth.fail_over(forgotten=1)
    track.happened(truth.transition())

    track.placed(old)

    assert track.syncing
    assert track.placed(truth.place(track.after_step)) == []
    assert kinds(track.placed(truth.place(track.after_step))) == ["snapshot", "live"]
    assert track.cursor == Cursor("e2", 2, 2)


def test_a_job_that_went_missing_comes_back_with_a_snapshot() -> None:
    truth, track = after(Truth(), "t"), Track(None)
    track.placed(truth.place())
    track.resync()
    track.missing()
    syncing = [track.syncing]

    assert track.happened(truth.transition()) == ()

    assert [*syncing, track.syncing] == [False, True]
    assert kinds(track.placed(truth.place(track.after_step))) == ["snapshot", "live"]


def test_a_missing_job_that_was_heard_of_meanwhile_is_read_once_more_only() -> None:
    truth, track = Truth(), Track(None)
    track.happened(truth.transition())

    track.missing()
    after_first = track.syncing
    track.missing()

    assert [after_first, track.syncing] == [True, False]


def test_what_is_held_is_bounded_by_the_steps() -> None:
    truth, track = after(Truth(), "t"), Track(None)
    place = truth.place()
    for _ in range(1000):
        track.happened(truth.report())

    frames = track.placed(place)

    assert kinds(frames) == ["snapshot", "progress", "live"]
    assert unframed(frames[1])["revision"] == 1001
