"""What a slow client gets in the end: every step, in order, and of progress the latest."""

from hypothesis import given
from hypothesis import strategies as st

from services.notifier.backlog import Backlog

JOBS = ("a", "b", "c")
SAID = st.tuples(st.just("say"), st.just(""))
TOLD = st.tuples(st.sampled_from(["step", "progress"]), st.sampled_from(JOBS))
TAKEN = st.tuples(st.just("take"), st.just(""))


@given(st.lists(SAID | TOLD | TAKEN, max_size=60))
def test_what_comes_out_is_what_went_in_without_progress_that_a_newer_event_followed(
    moves: list[tuple[str, str]],
) -> None:
    backlog, out, put = Backlog(), b"", []
    for number, (kind, job) in enumerate(moves):
        frame = f"{kind}:{job}:{number};".encode()
        if kind == "take":
            out += backlog.take(20)
            continue
        put.append(frame)
        if kind == "say":
            backlog.say(frame)
        else:
            backlog.tell(job, frame, transition=kind == "step")
    out += backlog.take(10**9)
    got = [one + b";" for one in out.split(b";")[:-1]]

    assert got == [frame for frame in put if frame in got], "never another order, never twice"
    missing = [frame for frame in put if frame not in got]
    assert all(frame.startswith(b"progress:") for frame in missing)
    for frame in missing:
        owner = frame.split(b":")[1]
        later = put[put.index(frame) + 1 :]
        assert any(b":" + owner + b":" in one for one in later if not one.startswith(b"say"))
    assert len(missing) == backlog.dropped
    assert (len(backlog), backlog.size) == (0, 0)


def test_a_client_that_takes_nothing_keeps_one_progress_a_job() -> None:
    backlog = Backlog()
    for _ in range(10_000):
        for job in JOBS:
            backlog.tell(job, b"x" * 100, transition=False)

    assert len(backlog) == 3
    assert backlog.size < 1000


def test_of_many_pings_the_last_is_answered() -> None:
    backlog = Backlog()
    backlog.pong(b"one")
    backlog.say(b"-")
    backlog.pong(b"two")

    assert backlog.take(100) == b"-two"
