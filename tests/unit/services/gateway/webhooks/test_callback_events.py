"""What a callback says, and how it stays small."""

import json
import uuid
from dataclasses import replace
from typing import Any

from hypothesis import given
from hypothesis import strategies as st
from msgspec import structs

from services.gateway.render import Renderer
from services.gateway.webhooks.events import LARGEST_EVENT, delivery, delivery_id, event
from shared.contracts.callbacks import DueCallback
from shared.contracts.job import JobRecord
from shared.contracts.lifecycle import State
from tests.fakes.jobs import record
from tests.fakes.registry import an_entry

AT = 1_767_258_000_123
LINKS = Renderer("https://api.test", "wss://stream.test").links("x")


def ended(**facts: Any) -> DueCallback:
    job = record(
        state=State.SUCCEEDED, step=3, callback_url="https://a.example", result="1", **facts
    )
    return DueCallback(job=job, step=3, state=State.SUCCEEDED, at=AT)


def told(**facts: Any) -> dict[str, Any]:
    return event(ended(**facts), LINKS)


def test_the_id_of_a_delivery_is_a_uuid_of_the_time_of_the_end() -> None:
    found = uuid.UUID(delivery_id(ended()))

    assert found.version == 7
    assert found.variant == uuid.RFC_4122
    assert found.int >> 80 == AT


@given(st.integers(1, 1_000), st.integers(1, 1_000), st.sampled_from(["acme", "acme2"]))
def test_each_end_has_an_id_of_its_own_and_always_the_same(a: int, b: int, tenant: str) -> None:
    one = ended()
    other = replace(one, step=b, job=structs.replace(one.job, tenant=tenant))
    same = b == 3 and tenant == one.job.tenant

    assert (delivery_id(one) == delivery_id(other)) == same
    assert delivery_id(replace(one, step=a)) == delivery_id(replace(one, step=a))


def test_a_small_result_comes_along_and_a_large_one_is_left_to_be_fetched() -> None:
    small, large = told(), told_with_result('"' + "x" * 9_000 + '"')

    assert (small["data"]["result"], small["data"]["omitted"]) == (1, [])
    assert (large["data"]["result"], large["data"]["omitted"]) == (None, ["result"])


def told_with_result(result: str) -> dict[str, Any]:
    one = ended()
    return event(replace(one, job=structs.replace(one.job, result=result)), LINKS)


@given(
    labels=st.dictionaries(
        st.text(st.characters(categories=["Ll"]), min_size=1, max_size=63),
        st.text(max_size=256),
        max_size=16,
    ),
    message=st.text(max_size=40).map(lambda text: text * 100),
    result=st.text(max_size=100).map(lambda text: text * 80),
)
def test_an_event_is_always_small_enough_and_says_what_it_left_out(
    labels: dict[str, str], message: str, result: str
) -> None:
    error = json.dumps({"code": "boom", "message": message, "type": "E", "retryable": False})
    job: JobRecord = structs.replace(
        ended().job, labels=labels, public_error=error, result=json.dumps(result)
    )
    found = event(replace(ended(), job=job), LINKS)

    assert len(json.dumps(found, ensure_ascii=False).encode()) <= LARGEST_EVENT + 100
    data = found["data"]
    assert data["result"] == (None if "result" in data["omitted"] else result)
    assert data["labels"] == ({} if "labels" in data["omitted"] else labels)
    if "error" not in data["omitted"]:
        assert data["error"]["message"] == message


def test_the_worst_case_fits_too() -> None:
    labels = {f"{n:063}": "\U0001f600" * 256 for n in range(16)}
    error = json.dumps({"code": "c", "message": "\U0001f600" * 4_000})
    one = ended(labels=labels, public_error=error)
    job = structs.replace(one.job, result=json.dumps("\U0001f600" * 2_000, ensure_ascii=False))
    found = event(replace(one, job=job), LINKS)

    assert len(json.dumps(found, ensure_ascii=False).encode()) <= LARGEST_EVENT + 100
    assert found["data"]["id"] == job.id
    assert "result" in found["data"]["omitted"]


def test_a_delivery_has_no_callback_of_its_own() -> None:
    submit = delivery(
        ended(), an_entry("webhook.deliver", queue="webhooks"), LINKS, retention=1_000
    )

    assert submit.callback_url is None
    assert (submit.type, submit.queue, submit.retention) == ("webhook.deliver", "webhooks", 1_000)
    assert submit.submitted_by == "house:callbacks"
