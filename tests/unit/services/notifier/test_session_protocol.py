"""What a client is answered, message by message, and why it is closed."""

from typing import Any

import pytest

from services.notifier.closes import REASONS, Close, reason_for
from services.notifier.effects import Locate, Send, Shut, Unwatch, Watch
from services.notifier.session import Session
from tests.fakes.stream import JOB, Truth
from tests.unit.services.notifier.session_talk import (
    OTHER,
    following,
    happens,
    hello,
    new_session,
    said,
    subscribe,
)

DEEP = "[" * 60_000


def opened(*subscriptions: dict[str, Any], token: str = "good") -> Session:
    session = new_session()
    session.received(hello(*subscriptions, token=token), 101.0)
    assert session.open
    return session


def test_a_hello_is_welcomed_with_the_numbers_of_the_house() -> None:
    effects = new_session().received(hello({"job": JOB}), 101.0)

    assert said(effects) == [
        {
            "type": "welcome",
            "session": "s1",
            "expires_at": "2027-01-15T08:00:00Z",
            "ping_interval_ms": 25_000,
            "timeout_ms": 35_000,
            "max_subscriptions": 3,
        }
    ]
    assert effects[1:] == [Watch(JOB, 0)]


def test_a_cursor_asks_only_for_what_came_after_it() -> None:
    cursor = {"epoch": "e1", "revision": 9, "step": 5}

    effects = new_session().received(hello({"job": JOB, **cursor}), 101.0)

    assert effects[-1] == Watch(JOB, 5)


@pytest.mark.parametrize(
    ("first", "code"),
    [
        ("", Close.BAD_MESSAGE),
        ("{", Close.BAD_MESSAGE),
        ("[]", Close.BAD_MESSAGE),
        ('"hello"', Close.BAD_MESSAGE),
        ('{"type":"subscribe","id":1,"subscriptions":[]}', Close.BAD_MESSAGE),
        ('{"type":"pong"}', Close.BAD_MESSAGE),
        ('{"type":"hello"}', Close.BAD_MESSAGE),
        ('{"version":1,"token":"good"}', Close.BAD_MESSAGE),
        (
            '{"type":"hello","version":1,"token":"good","subscriptions":[{"job":""}]}',
            Close.BAD_MESSAGE,
        ),
        ('{"type":"hello","version":1}', Close.BAD_MESSAGE),
        ('{"type":"hello","version":"1","token":"good"}', Close.BAD_MESSAGE),
        ('{"type":"hello","version":1,"token":5}', Close.BAD_MESSAGE),
        (hello({"job": JOB, "epoch": "e1"}), Close.BAD_MESSAGE),
        (hello({}), Close.BAD_MESSAGE),
        (hello({"job": JOB, "feed": True}), Close.BAD_MESSAGE),
        (hello({"job": JOB, "epoch": "e1", "revision": -1, "step": 1}), Close.BAD_MESSAGE),
        (hello({"job": JOB, "epoch": "e1", "revision": 1, "step": 1 << 70}), Close.BAD_MESSAGE),
        ('{"type":"hello","version":1,"token":"good","more":' + DEEP, Close.BAD_MESSAGE),
        (hello(version=2), Close.VERSION),
        (hello(version=0, token="rubbish"), Close.VERSION),
        ('{"type":"hello","version":2,"something":"else"}', Close.VERSION),
        (hello(token="rubbish"), Close.BAD_TOKEN),
        (hello(token=""), Close.BAD_TOKEN),
        (hello(token="expired"), Close.TOKEN_EXPIRED),
        (hello(token="nothing"), Close.FORBIDDEN),
    ],
)
def test_a_first_message_that_is_no_good_hello_closes(first: str, code: Close) -> None:
    session = new_session()

    (effect,) = session.received(first, 101.0)
    assert isinstance(effect, Shut)
    assert effect.code == code
    assert session.shut
    assert session.received(hello(), 102.0) == ()
    assert session.tick(1e9) == ()


def test_a_hello_with_a_fault_is_told_which() -> None:
    half = hello({"job": JOB, "epoch": "e1"})

    (effect,) = new_session().received(half, 101.0)

    assert isinstance(effect, Shut)
    assert reason_for(effect.code, effect.detail) == (
        "bad message: the first one must be a hello"
        " (a cursor is whole or left out - at `$.subscriptions[0]`)"
    )


def test_a_binary_first_message_closes() -> None:
    assert new_session().received_binary(101.0) == (Shut(Close.BAD_MESSAGE),)


def test_no_hello_in_time_closes() -> None:
    session = new_session()

    assert session.deadline == 105.0
    assert session.tick(104.9) == ()
    assert session.tick(105.0) == (Shut(Close.NO_HELLO),)


def test_pings_go_out_and_silence_closes() -> None:
    session = opened()

    assert said(session.tick(126.0)) == [{"type": "ping"}]
    assert session.tick(130.0) == []
    assert session.tick(136.0) == (Shut(Close.NO_PONG),)


@pytest.mark.parametrize("sign_of_life", ["pong", "frame", "binary"])
def test_whatever_is_heard_keeps_it_open(sign_of_life: str) -> None:
    session = following()
    if sign_of_life == "pong":
        assert session.received('{"type":"pong"}', 130.0) == ()
    elif sign_of_life == "frame":
        session.heard(130.0)
    else:
        session.received_binary(130.0)

    assert not any(isinstance(effect, Shut) for effect in session.tick(164.9))
    assert session.tick(165.0) == (Shut(Close.NO_PONG),)


def test_a_token_that_runs_out_closes() -> None:
    session = following(seconds=600.0)
    session.heard(700.0)

    assert session.tick(700.9) != (Shut(Close.TOKEN_EXPIRED),)
    assert session.tick(701.0) == (Shut(Close.TOKEN_EXPIRED),)


@pytest.mark.parametrize(
    "bad",
    ["", "{", "null", '{"type":"dance","id":3}', hello(), '{"type":"subscribe","id":3}',
     '{"type":"subscribe","subscriptions":[]}', '{"type":"unsubscribe","id":3,"subscriptions":5}',
     '{"type":"subscribe","id":3,"subscriptions":[{"job":"x","epoch":"e"}]}',
     '{"type":"pong","more":' + DEEP, DEEP],
)  # fmt: skip
def test_a_later_bad_message_gets_an_error_with_its_id(bad: str) -> None:
    (answer,) = said(opened().received(bad, 102.0))

    assert answer["type"] == "error"
    assert answer["code"] == "bad-message"
    assert answer["detail"]
    assert answer.get("id") == (3 if '"id":3' in bad else None)


def test_the_tenth_bad_message_closes() -> None:
    session = opened()
    for _ in range(9):
        assert len(session.received("{", 102.0)) == 1

    effects = session.received("{", 102.0)

    assert said(effects)[0]["code"] == "bad-message"
    assert effects[-1] == Shut(Close.TOO_MANY_ERRORS)


def test_a_subscribe_is_ok_when_all_its_jobs_are_live() -> None:
    truth, session = Truth(), opened()
    truth.transition()
    assert session.received(subscribe(JOB, OTHER, request="a"), 102.0) == [
        Watch(JOB, 0),
        Watch(OTHER, 0),
    ]

    first = said(session.placed(JOB, truth.place()))
    second = said(session.placed(OTHER, truth.place()))

    assert [message["type"] for message in first] == ["snapshot", "live"]
    assert [message["type"] for message in second] == ["snapshot", "live", "ok"]
    assert second[-1] == {"type": "ok", "id": "a"}


def test_an_empty_subscribe_is_ok_at_once() -> None:
    assert said(opened().received(subscribe(), 102.0)) == [{"type": "ok", "id": 7}]


def test_a_hello_with_subscriptions_gets_no_ok() -> None:
    truth, session = Truth(), opened({"job": JOB})
    truth.transition()

    answers = said(session.placed(JOB, truth.place()))

    assert [message["type"] for message in answers] == ["snapshot", "live"]


def test_a_job_that_does_not_exist_is_refused_and_forgotten() -> None:
    session = opened()
    session.received(subscribe(JOB), 102.0)

    effects = session.placed(JOB, None)

    assert effects[0] == Unwatch(JOB)
    assert said(effects)[0] == {
        "type": "error",
        "id": 7,
        "code": "job-not-found",
        "detail": f"There is no job {JOB}.",
        "job": JOB,
    }
    assert session.follows == ()


def test_a_feed_token_hears_the_same_of_a_foreign_and_of_an_unknown_job() -> None:
    # The hub reads within the token's tenant: both are None there.
    answers = []
    for job in (JOB, OTHER):
        session = opened(token="feed")
        session.received(subscribe(job), 102.0)
        (answer,) = said(session.placed(job, None))
        assert answer.pop("job") == job
        answers.append({**answer, "detail": answer["detail"].replace(job, "…")})

    assert answers[0] == answers[1]


@pytest.mark.parametrize("job", ["0190c1f0-0000-7000-8000-00000000ffff", "anything"])
def test_a_job_the_token_does_not_name_is_forbidden_and_the_connection_lives(job: str) -> None:
    session = opened()

    effects = session.received(subscribe(job), 102.0)

    assert [message["code"] for message in said(effects)] == ["forbidden"]
    assert session.open


@pytest.mark.parametrize("odd", ["x", "../x", JOB.upper(), JOB + "}", "{other}:events"])
def test_what_is_no_job_id_never_reaches_the_store(odd: str) -> None:
    effects = opened(token="feed").received(subscribe(odd), 102.0)

    assert [message["code"] for message in said(effects)] == ["job-not-found"]
    assert len(effects) == 1


def test_the_feed_needs_a_token_that_says_so() -> None:
    wanted = '{"type":"subscribe","id":1,"subscriptions":[{"feed":true}]}'

    (answer,) = said(opened(token="good").received(wanted, 102.0))

    assert (answer["id"], answer["code"], answer["feed"]) == (1, "forbidden", True)


def test_one_refused_job_does_not_hold_the_others_back() -> None:
    truth, session = Truth(), opened()
    truth.transition()

    effects = session.received(subscribe("foreign", JOB), 102.0)
    later = said(session.placed(JOB, truth.place()))

    assert [message["type"] for message in said(effects)] == ["error"]
    assert effects[-1] == Watch(JOB, 0)
    assert [message["type"] for message in later] == ["snapshot", "live"]


def test_more_subscriptions_than_allowed_are_refused() -> None:
    session = opened(token="feed")
    jobs = [f"0190c1f0-0000-7000-8000-{number:012d}" for number in range(4)]

    effects = session.received(subscribe(*jobs), 102.0)

    assert [message["code"] for message in said(effects)] == ["too-many-subscriptions"]
    assert len(session.follows) == 3
    again = session.received(subscribe(jobs[0]), 102.0)
    assert again == [Watch(jobs[0], 0)]  # it follows that one already


def test_a_store_that_stays_away_is_said_and_the_client_may_ask_again() -> None:
    session = opened()
    session.received(subscribe(JOB), 102.0)
    assert session.deadline == 107.0

    assert session.tick(106.9) == []
    effects = session.tick(107.0)

    assert effects[0] == Unwatch(JOB)
    assert said(effects)[0]["code"] == "store-unavailable"
    assert session.open
    assert session.received(subscribe(JOB), 108.0) == [Watch(JOB, 0)]


def test_a_job_that_was_live_is_never_given_up() -> None:
    truth, session = Truth(), opened({"job": JOB})
    truth.transition()
    session.placed(JOB, truth.place())

    assert session.disturbed(JOB) == (Locate(JOB, 1),)
    assert session.tick(120.0) == []
    assert session.placed(JOB, None) == []
    assert session.follows == (JOB,)


def test_unsubscribing_ends_the_events_and_is_ok_twice() -> None:
    truth, session = Truth(), opened({"job": JOB})
    truth.transition()
    session.placed(JOB, truth.place())
    leave = f'{{"type":"unsubscribe","id":8,"subscriptions":[{{"job":"{JOB}"}}]}}'

    effects = session.received(leave, 102.0)

    assert effects[0] == Unwatch(JOB)
    assert said(effects) == [{"type": "ok", "id": 8}]
    assert happens(session, JOB, truth.transition()) == ()
    assert said(session.received(leave, 103.0)) == [{"type": "ok", "id": 8}]


def test_an_event_is_handed_on_as_the_very_same_bytes() -> None:
    truth, session = Truth(), opened({"job": JOB})
    truth.transition()
    session.placed(JOB, truth.place())
    event = truth.transition()

    (effect,) = happens(session, JOB, event)

    assert isinstance(effect, Send)
    assert effect.frame is event.frame


def test_a_lost_transition_asks_for_the_place_from_the_last_step_on() -> None:
    truth, session = Truth(), opened({"job": JOB})
    truth.transition()
    session.placed(JOB, truth.place())
    truth.transition()

    assert happens(session, JOB, truth.transition()) == (Locate(JOB, 1),)
    assert [message["step"] for message in said(session.placed(JOB, truth.place(1)))] == [2, 3]


def test_subscribing_again_starts_over_from_the_new_cursor() -> None:
    truth, session = Truth(), opened({"job": JOB})
    truth.transition()
    session.placed(JOB, truth.place())

    assert session.received(subscribe(JOB), 102.0) == [Watch(JOB, 0)]
    answers = said(session.placed(JOB, truth.place()))

    assert [message["type"] for message in answers] == ["snapshot", "live", "ok"]


def test_every_close_has_a_reason_that_fits_its_frame() -> None:
    assert set(REASONS) == set(Close)
    assert all(0 < len(text.encode()) <= 123 for text in REASONS.values())
