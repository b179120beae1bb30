"""The fields of a submit, one by one."""

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.refusals import Invalid, PayloadTooLarge
from services.gateway.requests.fields import Broken
from services.gateway.requests.jobs import parse_job_request, payload_text
from services.gateway.times import parse_rfc3339, rfc3339

NOW = 1_790_000_000_000


def a_url(value: object) -> str:
    """Take what looks like https, as the desk of webhooks does."""
    if not str(value).startswith("https://"):
        raise Broken("This must be an https URL.")
    return str(value)


def ask(**fields: Any) -> dict[str, object]:
    return {"type": "demo.steps", "payload": {}} | fields


def faults(body: object) -> list[str]:
    with pytest.raises(Invalid) as refused:
        parse_job_request(body, max_labels=2, now_ms=NOW, a_url=a_url)
    return [fault.pointer for fault in refused.value.errors]


def test_a_plain_request_gets_the_defaults() -> None:
    request = parse_job_request(ask(), max_labels=2, now_ms=NOW, a_url=a_url)

    assert (request.priority, request.queue, request.labels) == (5, None, {})
    assert (request.delay, request.run_at, request.expires_at, request.max_attempts) == (None,) * 4


def test_null_means_the_default() -> None:
    names = ("queue", "priority", "delay_seconds", "run_at", "expires_at", "labels", "max_attempts")

    request = parse_job_request(ask(**dict.fromkeys(names)), max_labels=2, now_ms=NOW, a_url=a_url)

    assert request == parse_job_request(ask(), max_labels=2, now_ms=NOW, a_url=a_url)


def test_every_fault_is_pointed_to_at_once() -> None:
    assert faults({"queue": "No", "priority": 10, "colour": 1, "a/b~c": 2}) == [
        "/type",
        "/payload",
        "/queue",
        "/priority",
        "/colour",
        "/a~1b~0c",
    ]


@pytest.mark.parametrize("body", [None, [], "text", 1])
def test_a_body_must_be_an_object(body: object) -> None:
    assert faults(body) == [""]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("type", ""),
        ("type", "a b"),
        ("type", 1),
        ("type", "x" * 200),
        ("payload", []),
        ("payload", None),
        ("queue", "UPPER"),
        ("queue", "a.b"),
        ("priority", -1),
        ("priority", 5.5),
        ("priority", True),
        ("delay_seconds", -1),
        ("delay_seconds", "5"),
        ("delay_seconds", 10**12),
        ("run_at", "tomorrow"),
        ("run_at", "2030-01-01T00:00:00"),
        ("run_at", "2030-13-01T00:00:00Z"),
        ("run_at", 1),
        ("run_at", "9999-12-31T23:59:59-01:00"),
        ("run_at", "0001-01-01T00:00:00+01:00"),
        ("expires_at", "2020-01-01T00:00:00Z"),
        ("expires_at", "9999-12-31T23:59:59.999-00:01"),
        ("labels", []),
        ("labels", {"a": "", "b": "", "c": ""}),
        ("max_attempts", 0),
        ("max_attempts", 10**6),
        ("unique_key", ""),
        ("unique_key", "x" * 256),
        ("unique_key", 7),
    ],
)
def test_a_field_that_breaks_its_rule_is_pointed_to(name: str, value: object) -> None:
    assert faults(ask(**{name: value})) == [f"/{name}"]


def test_an_answer_names_fifty_faults_at_most() -> None:
    assert len(faults(ask(**{f"x{number}": 1 for number in range(1000)}))) == 50


def test_each_label_that_breaks_its_rule_is_pointed_to() -> None:
    assert faults(ask(labels={"a": 1, "b/c d": "e"})) == ["/labels/a", "/labels/b~1c d"]
    assert faults(ask(labels={"a": "x" * 257, "b": "fine"})) == ["/labels/a"]


def test_what_to_do_about_a_conflict_needs_a_unique_key() -> None:
    kept = parse_job_request(
        ask(unique_key="order-1", on_conflict="reject"), max_labels=2, now_ms=NOW, a_url=a_url
    )

    assert (kept.unique_key, kept.on_conflict) == ("order-1", "reject")
    assert faults(ask(on_conflict="reject")) == ["/on_conflict"]
    assert faults(ask(unique_key="a", on_conflict="ignore")) == ["/on_conflict"]


def test_a_callback_url_is_checked_like_that_of_any_webhook() -> None:
    kept = parse_job_request(
        ask(callback_url="https://a.example/x"), max_labels=2, now_ms=NOW, a_url=a_url
    )
    webhook = {"type": "webhook.deliver", "payload": {"url": "https://a.example"}}

    assert kept.callback_url == "https://a.example/x"
    assert faults(ask(callback_url="http://a.example/x")) == ["/callback_url"]
    assert faults(ask(callback_url=7)) == ["/callback_url"]
    assert faults(webhook | {"payload": {"url": "ftp://x"}}) == ["/payload/url"]
    assert faults(webhook | {"callback_url": "https://a.example"}) == ["/callback_url"]


def test_a_delay_and_a_time_do_not_go_together() -> None:
    assert faults(ask(delay_seconds=1, run_at="2030-01-01T00:00:00Z")) == ["/run_at"]


def test_a_job_must_be_able_to_start_before_it_expires() -> None:
    at_3 = rfc3339(NOW + 3_000)

    assert faults(ask(delay_seconds=3, expires_at=at_3)) == ["/expires_at"]
    assert faults(ask(run_at=at_3, expires_at=at_3)) == ["/expires_at"]


def test_durations_and_times_become_milliseconds() -> None:
    request = parse_job_request(
        ask(delay_seconds=0.25, expires_at="2031-01-01T01:00:00.5+01:00"),
        max_labels=2,
        now_ms=NOW,
        a_url=a_url,
    )

    assert request.delay == 250
    assert request.expires_at == parse_rfc3339("2031-01-01T00:00:00.500Z")


@given(st.datetimes(timezones=st.just(UTC)))
def test_every_time_that_is_taken_can_be_shown_again(moment: datetime) -> None:
    text = moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")
    ms = parse_rfc3339(text)

    assert ms is not None
    assert rfc3339(ms) == text


def test_the_payload_keeps_its_text() -> None:
    text = '{"n":123456789012345678901234567890, "x": 1.10,"s":"\\u00e9", "empty": [ ]}'
    body = f'{{"payload": {text} , "type":"a"}}'.encode()

    assert payload_text(body, limit=1000) == text


def test_a_payload_is_measured_in_bytes() -> None:
    body = '{"payload":{"a":"ééééé"}}'.encode()  # 18 bytes

    assert payload_text(body, limit=18)
    with pytest.raises(PayloadTooLarge):
        payload_text(body, limit=17)
