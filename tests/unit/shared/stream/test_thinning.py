"""Progress is thinned out, transitions never."""

from hypothesis import given
from hypothesis import strategies as st

from shared.stream.merge import Event
from shared.stream.thin import Thinner


def progress(revision: int) -> Event:
    return Event("e1", revision, 2, False, b"p")


def transition(revision: int) -> Event:
    return Event("e1", revision, 3, True, b"t")


def test_the_first_progress_passes_and_the_latest_follows_later() -> None:
    thinner: Thinner[str] = Thinner(0.1)

    assert thinner.offer("job", progress(1), 0.0) == (progress(1),)
    assert thinner.offer("job", progress(2), 0.01) == ()
    assert thinner.offer("job", progress(3), 0.02) == ()
    assert thinner.due(0.05) == []
    assert thinner.due(0.1) == [("job", progress(3))]
    assert thinner.due(0.15) == []


def test_a_transition_passes_at_once_behind_the_progress_it_pushes_out() -> None:
    thinner: Thinner[str] = Thinner(0.1)
    thinner.offer("job", progress(1), 0.0)
    thinner.offer("job", progress(2), 0.01)

    assert thinner.offer("job", transition(3), 0.02) == (progress(2), transition(3))
    assert thinner.due(1.0) == []


def test_jobs_do_not_thin_out_each_other() -> None:
    thinner: Thinner[str] = Thinner(0.1)

    assert thinner.offer("one", progress(1), 0.0)
    assert thinner.offer("two", progress(1), 0.0)


def test_who_is_quiet_is_forgotten() -> None:
    thinner: Thinner[str] = Thinner(0.1)
    thinner.offer("job", progress(1), 0.0)
    assert not thinner.idle

    thinner.due(0.2)

    assert thinner.idle


@given(st.lists(st.tuples(st.booleans(), st.floats(0, 0.05)), max_size=80))
def test_order_is_kept_transitions_all_pass_and_the_last_progress_too(
    story: list[tuple[bool, float]],
) -> None:
    thinner: Thinner[str] = Thinner(0.1)
    now, passed, sent = 0.0, [], []
    for revision, (moves, wait) in enumerate(story, 1):
        now += wait
        passed += [event for _, event in thinner.due(now)]
        sent.append(transition(revision) if moves else progress(revision))
        passed += thinner.offer("job", sent[-1], now)
    passed += [event for _, event in thinner.due(now + 1)]

    revisions = [event.revision for event in passed]
    assert revisions == sorted(set(revisions))
    assert [e for e in passed if e.transition] == [e for e in sent if e.transition]
    assert passed[-1:] == sent[-1:]


@given(st.lists(st.floats(0, 0.03), max_size=200))
def test_no_second_sees_more_than_eleven_of_one_job(waits: list[float]) -> None:
    thinner: Thinner[str] = Thinner(0.1)
    now, times = 0.0, []
    for revision, wait in enumerate(waits, 1):
        now += wait
        times += [now for _ in thinner.due(now)]
        times += [now for _ in thinner.offer("job", progress(revision), now)]

    for start in times:
        assert sum(start <= at < start + 1 for at in times) <= 11
