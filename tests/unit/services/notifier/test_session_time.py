"""Whatever a client says and whenever: time that has passed is dealt with, and the end comes."""

from hypothesis import given
from hypothesis import strategies as st

from services.notifier.effects import Shut
from services.notifier.messages import drain
from services.notifier.rules import Rules
from services.notifier.session import Session
from services.notifier.wire import text_frame
from tests.fakes.stream import JOB, Truth
from tests.unit.services.notifier.session_talk import OTHER, auth, hello, new_session, subscribe

RULES = Rules(
    hello_within=5, ping_every=10, heard_within=20, placed_within=3, idle_within=30, max_age=500,
    token_notice=20, token_grace=2, messages_per_second=1, message_burst=20,
)  # fmt: skip
WORDS = (
    hello({"job": JOB}), hello(), subscribe(JOB, OTHER), auth("fresh"), auth("foreign"),
    '{"type":"pong"}', "nonsense",
    '{"type":"unsubscribe","id":1,"subscriptions":[{"job":"' + JOB + '"}]}',
)  # fmt: skip
NOTICE = text_frame(drain(after_ms=(0, 10), grace_ms=4000))
MOVES = st.lists(
    st.one_of(
        st.tuples(st.just("say"), st.sampled_from(WORDS)),
        st.tuples(st.just("wait"), st.floats(0, 15)),
        st.tuples(st.just("place"), st.booleans()),
        st.tuples(st.just("drain"), st.floats(0, 8)),
    ),
    max_size=40,
)


def is_over(session: Session) -> bool:
    return session.shut


@given(MOVES, st.floats(10, 400), st.floats(0.9, 1.1))
def test_no_deadline_is_left_behind_and_nothing_follows_a_close(
    moves: list, seconds: float, age: float
) -> None:
    session, truth, now, shuts = new_session(RULES, seconds=seconds, age=age), Truth(), 100.0, 0
    truth.transition()
    for kind, what in [*moves, *[("wait", 15.0)] * 60]:
        was_shut = session.shut
        effects = []
        if kind == "say":
            effects = list(session.received(what, now))
        elif kind == "place":
            effects = list(session.placed(JOB, truth.place() if what else None))
        elif kind == "drain":
            effects = list(session.drain(NOTICE, leave_by=now + what))
        else:
            until = now + what
            while not is_over(session) and session.deadline <= until:
                assert session.deadline >= now - 1e-6
                now = max(now, session.deadline)
                before = session.deadline
                effects += session.tick(now)
                assert is_over(session) or session.deadline > before
            now = until
        assert not (was_shut and effects and kind != "place")
        shuts += sum(isinstance(effect, Shut) for effect in effects)

    assert session.shut
    assert shuts == 1
