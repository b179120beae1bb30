"""What a receiver's answer means for the delivery."""

import pytest

from services.worker import Fail, Retry
from services.worker.authoring.registry import find_type
from services.worker.jobs.webhook.courier import Answer
from services.worker.jobs.webhook.deliver import conclude, deliver
from services.worker.jobs.webhook.verdict import (
    LONGEST_RETRY_AFTER,
    Verdict,
    judge,
    readable,
    seconds_asked_for,
)

NOW = 1_700_000_000.0  # Tue, 14 Nov 2023 22:13:20 GMT


def answer(status: int, *, retry_after: str | None = None, excerpt: bytes = b"hm") -> Answer:
    return Answer(
        status=status, excerpt=excerpt, retry_after=retry_after, seconds=0.5, address="1.1.1.1"
    )


@pytest.mark.parametrize("status", [200, 201, 202, 204, 226, 299])
def test_any_2xx_is_delivered(status: int) -> None:
    assert judge(status) is Verdict.DELIVERED


@pytest.mark.parametrize(
    "status", [301, 302, 307, 308, 304, 400, 401, 403, 404, 408, 422, 429, 500, 502, 503, 504, 999]
)
def test_everything_else_is_tried_again(status: int) -> None:
    assert judge(status) is Verdict.AGAIN
    with pytest.raises(Retry):
        conclude(answer(status), now=NOW)


def test_410_stops_for_good_and_says_so_to_everybody() -> None:
    with pytest.raises(Fail, match="410") as gone:
        conclude(answer(410), now=NOW)

    assert gone.value.code == "webhook_gone"
    assert gone.value.details
    assert '"status": 410' in gone.value.details


def test_the_result_shows_what_was_answered() -> None:
    delivered = conclude(answer(200, excerpt=b"thanks"), now=NOW)

    assert (delivered.status, delivered.response, delivered.seconds) == (200, "thanks", 0.5)


def test_an_operator_sees_what_a_failed_attempt_was_answered() -> None:
    with pytest.raises(Retry) as again:
        conclude(answer(503, retry_after="7", excerpt=b"down for maintenance"), now=NOW)

    assert again.value.at_least == 7
    assert again.value.details
    assert "down for maintenance" in again.value.details
    assert '"status": 503' in again.value.details


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        ("120", 120),
        (" 0 ", 0),
        ("Tue, 14 Nov 2023 22:14:20 GMT", 60),
        ("Tue, 14 Nov 2023 22:14:20 -0000", 60),
        ("Tue, 14 Nov 2023 22:13:00 GMT", 0),
        ("Fri, 14 Nov 2031 22:13:00 GMT", LONGEST_RETRY_AFTER),
        ("9999999999", LONGEST_RETRY_AFTER),
        ("99999999999999999999", None),
        ("-1", None),
        ("1.5", None),
        ("soon", None),
        ("٣", None),
        ("", None),
        (None, None),
    ],
)
def test_retry_after_is_honoured_within_bounds(header: str | None, seconds: float | None) -> None:
    assert seconds_asked_for(header, now=NOW) == seconds


def test_a_stranger_s_answer_cannot_hurt_its_reader() -> None:
    assert readable("grün\n\tok".encode()) == "grün\n\tok"
    assert readable(b"\x1b[2J\x00\x07\xff<b>\r\x9b1m") == "�[2J���<b>��1m"
    assert readable(b"caf\xc3") == "caf�"


def test_the_type_waits_hours_but_comes_back_soon_at_first() -> None:
    declared = find_type("webhook.deliver")

    assert declared is not None
    assert declared.handler is deliver
    limits = declared.entry.limits
    caps = [
        min(limits.max_backoff_seconds, limits.min_backoff_seconds * 2**n)
        for n in range(limits.retries)
    ]
    assert caps[0] <= 5
    assert 12 * 3600 < sum(caps) < 48 * 3600
    assert declared.entry.queue == "webhooks"
