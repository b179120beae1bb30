"""`waymark webhooks` against a small fake house on loopback: what it asks, says, ends with."""

from collections.abc import Iterator

import pytest

from tests.fakes.public_api import JOB, FakeHouse
from tests.integration.cli_running import waymark

SECRETS = {"secret": "whsec_bmV3", "previous": ["whsec_b2xk"]}
URL = "https://hooks.example.com/orders"


@pytest.fixture
def house() -> Iterator[FakeHouse]:
    house = FakeHouse()
    yield house
    house.close()


def test_the_secrets_are_printed_newest_first_and_alone_on_their_lines(house: FakeHouse) -> None:
    house.answer("GET", "/v1/webhooks/secret", 200, SECRETS)

    ended = waymark(house, "webhooks", "secret")

    assert (ended.returncode, ended.stdout) == (0, "whsec_bmV3\nwhsec_b2xk\n")


def test_a_webhook_is_sent_and_its_job_named(house: FakeHouse) -> None:
    accepted = house.job("queued") | {"access": house.access}
    house.answer("POST", "/v1/webhooks/deliver", 202, accepted)

    ended = waymark(
        *(house, "webhooks", "deliver", URL, "order=7", "paid=true"),
        *("--event-id", "evt_1", "--idempotency-key", "k"),
    )

    assert (ended.returncode, ended.stdout) == (0, f"{JOB}\n")
    method, path, headers, body = house.asked[-1]
    assert (method, path) == ("POST", "/v1/webhooks/deliver")
    assert body == {"url": URL, "payload": {"order": 7, "paid": True}, "event_id": "evt_1"}
    assert {name.lower(): value for name, value in headers.items()}["idempotency-key"] == "k"


def test_a_job_is_submitted_with_its_callback(house: FakeHouse) -> None:
    house.answer("POST", "/v1/jobs", 202, house.job("queued"))

    ended = waymark(house, "submit", "demo.steps", "steps=3", "--callback-url", URL)

    assert ended.returncode == 0, ended.stderr
    assert house.asked[-1][3]["callback_url"] == URL
