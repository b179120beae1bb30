"""For how long a session may stay, how much it may say, and how it goes."""

import json

import pytest

from services.notifier.closes import Close
from services.notifier.crowd import Crowd, Limits
from services.notifier.effects import Send, Shut, Unwatch, Watch
from services.notifier.messages import drain
from services.notifier.rules import Rules
from services.notifier.session import Session
from services.notifier.wire import text_frame
from tests.fakes.stream import JOB, Truth
from tests.unit.services.notifier.session_talk import (
    GRANTS,
    OTHER,
    auth,
    following,
    hello,
    new_session,
    said,
    subscribe,
)

CALM = Rules(heard_within=1e9, ping_every=1e9, token_grace=5.0)
LEAVE = '{"type":"unsubscribe","id":8,"subscriptions":[{"job":"' + JOB + '"}]}'
NOTICE = text_frame(drain(after_ms=(0, 3000), grace_ms=8000))


def test_a_token_is_warned_of_a_minute_before_its_end_and_once() -> None:
    session = following(CALM, seconds=600.0)

    assert session.deadline == 641.0
    assert session.tick(640.9) == []
    assert said(session.tick(641.0)) == [{"type": "auth_expiring", "in_seconds": 60}]
    assert session.tick(642.0) == []
    assert session.deadline == 706.0


def test_a_short_token_is_warned_of_in_the_middle_of_its_life() -> None:
    session = following(CALM, seconds=40.0)

    assert session.tick(120.9) == []
    assert said(session.tick(121.0)) == [{"type": "auth_expiring", "in_seconds": 20}]


def test_a_token_that_ran_out_is_given_a_moment_to_be_renewed() -> None:
    session = following(CALM, seconds=600.0)
    session.tick(641.0)

    assert session.tick(705.9) == []
    assert session.tick(706.0) == (Shut(Close.TOKEN_EXPIRED),)


def test_a_new_token_moves_the_end() -> None:
    session = following(CALM, seconds=600.0)
    session.tick(641.0)

    assert said(session.received(auth("good"), 650.0)) == [{"type": "ok", "id": 9}]

    assert session.tick(1000.0) == []
    assert said(session.tick(1190.0)) == [{"type": "auth_expiring", "in_seconds": 60}]
    assert session.tick(1255.0) == (Shut(Close.TOKEN_EXPIRED),)


def test_what_a_new_token_does_not_allow_is_dropped_and_said() -> None:
    session, truth = following(CALM), Truth()
    session.received(subscribe(OTHER), 102.0)
    truth.transition()
    session.placed(OTHER, truth.place())

    effects = session.received(auth("fresh"), 103.0)

    assert effects[1] == Unwatch(OTHER)
    refusal, good = said(effects)
    assert (refusal["type"], refusal["code"], refusal["job"]) == ("error", "forbidden", OTHER)
    assert "id" not in refusal
    assert good == {"type": "ok", "id": 9}
    assert session.follows == (JOB,)
    assert said(session.received(subscribe(OTHER), 104.0))[0]["code"] == "forbidden"


def test_a_subscribe_that_waits_is_refused_by_its_id_when_the_token_falls() -> None:
    session = following(CALM)
    session.received(subscribe(OTHER, request="late"), 102.0)

    refusal, good = said(session.received(auth("fresh"), 103.0))

    assert (refusal["id"], refusal["code"], refusal["job"]) == ("late", "forbidden", OTHER)
    assert good == {"type": "ok", "id": 9}


def test_a_wider_token_allows_more() -> None:
    session = new_session()
    session.received(hello(token="fresh"), 101.0)
    assert said(session.received(subscribe(OTHER), 102.0))[0]["code"] == "forbidden"

    session.received(auth("good"), 103.0)

    assert session.received(subscribe(OTHER), 104.0) == [Watch(OTHER, 0)]


@pytest.mark.parametrize(
    ("token", "code"),
    [("foreign", "forbidden"), ("nothing", "forbidden"), ("expired", "token-expired"),
     ("rubbish", "invalid-token")],
)  # fmt: skip
def test_a_token_that_is_no_good_is_refused_and_the_old_one_goes_on(token: str, code: str) -> None:
    session = following(CALM, seconds=600.0)

    (answer,) = said(session.received(auth(token), 102.0))

    assert (answer["type"], answer["id"], answer["code"]) == ("error", 9, code)
    assert session.follows == (JOB,)
    assert session.tick(706.0) == (Shut(Close.TOKEN_EXPIRED),)


def test_a_revoked_token_is_the_end_in_a_hello_and_in_an_auth() -> None:
    assert new_session().received(hello(token="revoked"), 101.0) == (Shut(Close.REVOKED),)
    assert following().received(auth("revoked"), 102.0) == (Shut(Close.REVOKED),)


def test_a_revoked_key_closes_the_streams_of_its_tokens_and_no_others() -> None:
    session = following()

    assert session.revoked({"k2"}) == ()
    assert session.revoked({"k1", "k2"}) == (Shut(Close.REVOKED),)
    assert session.revoked({"k1"}) == ()


def test_the_key_that_counts_is_that_of_the_newest_token() -> None:
    session = following()
    session.received(auth("fresh"), 102.0)

    assert session.revoked({"k1"}) == ()
    assert session.revoked({"k2"}) == (Shut(Close.REVOKED),)


def test_who_has_not_said_hello_has_no_key_to_lose() -> None:
    assert new_session().revoked({"", "k1"}) == ()


def test_who_follows_nothing_is_sent_away_after_a_while() -> None:
    session = new_session(CALM, seconds=1e6)
    session.received(hello(), 101.0)

    assert session.deadline == 161.0
    assert session.tick(160.9) == []
    assert session.tick(161.0) == (Shut(Close.IDLE),)


def test_idle_counts_from_the_moment_the_last_job_was_left() -> None:
    session = following(CALM)
    assert session.tick(500.0) == []

    session.received(LEAVE, 510.0)

    assert session.deadline == 570.0
    assert session.tick(569.9) == []
    assert session.tick(570.0) == (Shut(Close.IDLE),)


def test_who_follows_something_again_in_time_stays() -> None:
    session = following(CALM)
    session.received(LEAVE, 510.0)
    session.received(subscribe(JOB), 569.0)

    assert session.tick(573.0) == []


def test_everybody_leaves_at_an_age_of_his_own() -> None:
    old, young = following(CALM, age=1.1), following(CALM, age=0.9)
    hours = 4 * 3600

    assert young.deadline == 100.0 + 0.9 * hours
    assert young.tick(100.0 + 0.9 * hours) == (Shut(Close.MAX_AGE),)
    assert old.tick(100.0 + 1.09 * hours) == []
    assert old.tick(100.0 + 1.11 * hours) == (Shut(Close.MAX_AGE),)


def talker(rules: Rules) -> Session:
    session = new_session(rules)
    session.received(hello({"job": JOB}), 101.0)
    return session


@pytest.mark.parametrize("words", ['{"type":"pong"}', "nonsense", subscribe()])
def test_who_talks_too_much_is_sent_away(words: str) -> None:
    session = talker(Rules(messages_per_second=2, message_burst=4, max_bad_messages=99))
    for _ in range(4):
        assert not session.shut
        session.received(words, 102.0)

    assert session.received(words, 102.0) == (Shut(Close.RATE_LIMITED),)


def test_who_talks_at_the_rate_may_go_on_for_ever() -> None:
    session = talker(Rules(messages_per_second=2, message_burst=4))

    assert [session.received('{"type":"pong"}', 102.0 + n / 2) for n in range(50)] == [()] * 50


def test_pings_of_websocket_are_messages_too() -> None:
    session = talker(Rules(messages_per_second=2, message_burst=4))
    for _ in range(4):
        assert session.controlled(102.0) == ()

    assert session.controlled(102.0) == (Shut(Close.RATE_LIMITED),)


def test_a_drain_asks_the_client_to_move_and_closes_who_stays() -> None:
    session = following(CALM)

    assert session.drain(NOTICE, leave_by=110.0) == (Send(NOTICE),)
    assert session.drain(NOTICE, leave_by=120.0) == ()

    assert session.deadline == 110.0
    assert session.tick(109.9) == []
    assert session.tick(110.0) == (Shut(Close.DRAINING),)


def test_who_says_hello_during_a_drain_is_welcomed_and_asked_to_move() -> None:
    session = new_session(CALM)
    assert session.drain(NOTICE, leave_by=110.0) == ()

    effects = session.received(hello({"job": JOB}), 101.0)

    assert [message["type"] for message in said(effects)] == ["welcome", "drain"]
    assert effects[-1] == Watch(JOB, 0)
    assert session.tick(110.0) == (Shut(Close.DRAINING),)


def test_who_never_says_hello_is_closed_by_the_drain_at_the_latest() -> None:
    session = new_session(Rules(hello_within=60.0))
    session.drain(NOTICE, leave_by=110.0)

    assert session.tick(110.0) == (Shut(Close.DRAINING),)


def resume(request: int = 1) -> str:
    place = {"job": JOB, "epoch": "e1", "revision": 1, "step": 1}
    return json.dumps({"type": "subscribe", "id": request, "subscriptions": [place]})


def test_who_finds_one_gap_after_another_is_told_to_forget_what_it_knows() -> None:
    rules = Rules(max_subscriptions=2, more_resumes=3, heard_within=1e9, ping_every=1e9)
    session = following(rules)
    for _ in range(5):
        session.received(resume(), 110.0)
        assert not session.shut

    assert session.received(resume(), 110.0) == (Shut(Close.STATE_INVALIDATED),)


def test_gaps_that_are_rare_are_no_trouble_and_new_subscriptions_are_no_gaps() -> None:
    rules = Rules(max_subscriptions=2, more_resumes=3, heard_within=1e9, ping_every=1e9)
    session = following(rules)
    for number in range(20):
        session.received(resume(number), 110.0 + 30 * number)
    for number in range(20):
        session.received(subscribe(JOB), 710.0)
        session.received(LEAVE, 710.0)
        session.received(resume(number), 710.0)

    assert session.open


def test_one_connection_too_many_of_a_token_is_sent_away() -> None:
    crowd = Crowd(Limits(of_token=1))
    first, second = new_session(seat=crowd.enter()), new_session(seat=crowd.enter())
    first.received(hello(), 101.0)

    assert second.received(hello(), 101.0) == (Shut(Close.TOO_MANY_CONNECTIONS),)


def test_a_new_token_that_too_many_have_is_refused_and_the_old_one_goes_on() -> None:
    crowd = Crowd(Limits(of_token=1))
    first, second = new_session(seat=crowd.enter()), new_session(seat=crowd.enter())
    first.received(hello(), 101.0)
    second.received(hello({"job": JOB}, token="fresh"), 101.0)

    (answer,) = said(second.received(auth("good"), 102.0))

    assert answer["code"] == "too-many-connections"
    assert not crowd.sit(GRANTS["fresh"])
    assert second.open


def test_a_feed_that_a_new_token_does_not_allow_is_dropped_and_said() -> None:
    session = new_session(CALM)
    session.received(hello({"feed": True}, {"job": JOB}, token="feed"), 101.0)

    refusal, good = said(session.received(auth("fresh"), 102.0))

    assert (refusal["code"], refusal["feed"]) == ("forbidden", True)
    assert good == {"type": "ok", "id": 9}
    assert list(session.follows) == [JOB]
