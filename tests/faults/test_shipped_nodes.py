"""deploy/'s nodes lose what they have: what was accepted comes back, under each one's own user."""

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pika
import pytest
from pika.adapters.blocking_connection import BlockingChannel

from deploy.secrets.files import files, write
from deploy.secrets.made import make
from shared.contracts.topology import DEAD_LETTER_QUEUE
from tests.eventually import eventually
from tests.integration.shipped import ShippedHouse

pytestmark = pytest.mark.slow

FINAL = {"succeeded", "failed", "cancelled", "expired"}
STOP_SECONDS = 45.0
HEALED_WITHIN = 90.0
MORE_THAN_TWENTY = 25


@pytest.fixture
def house(nodes_folder: Path) -> Iterator[ShippedHouse]:
    house = ShippedHouse(Path(tempfile.mkdtemp(prefix="shipped-", dir=nodes_folder)))
    house.settings = {"WAYMARK_OVERDUE_SECONDS": "2"}
    try:
        house.start()
        yield house
    finally:
        house.close()


@pytest.fixture
def http(house: ShippedHouse) -> Iterator[httpx.Client]:
    key = (house.secrets / "keys" / "first").read_text()
    headers = {"Authorization": f"Bearer {key}"}
    with httpx.Client(
        base_url=house.services["gateway"].url, headers=headers, timeout=15
    ) as client:
        yield client


def submit(http: httpx.Client) -> str:
    def accepted() -> str:
        payload = {"steps": 2, "seconds_per_step": 0}
        answer = http.post("/v1/jobs", json={"type": "demo.steps", "payload": payload})
        assert answer.status_code == 202, answer.text
        return str(answer.json()["id"])

    return eventually(accepted, within=HEALED_WITHIN)


def final(http: httpx.Client, job: str) -> dict[str, Any]:
    def ended() -> dict[str, Any]:
        found: dict[str, Any] = http.get(f"/v1/jobs/{job}").json()
        assert found["state"] in FINAL, found["state"]
        return found

    return eventually(ended, within=HEALED_WITHIN)


def test_a_message_that_is_lost_is_sent_again(house: ShippedHouse, http: httpx.Client) -> None:
    worker = house.services["worker"]
    worker.stop(STOP_SECONDS)
    job = submit(http)
    house.rabbit.ctl("purge_queue", "waymark.default", "--vhost", "waymark")
    worker.start()

    assert final(http, job)["state"] == "succeeded"


def test_a_broker_that_was_wiped_is_as_it_was(house: ShippedHouse, http: httpx.Client) -> None:
    worker = house.services["worker"]
    worker.stop(STOP_SECONDS)
    job = submit(http)
    house.rabbit.wipe()
    house.rabbit.start()
    worker.start()

    assert final(http, job)["state"] == "succeeded"
    assert final(http, submit(http))["state"] == "succeeded"


def test_a_password_is_renewed(house: ShippedHouse, http: httpx.Client) -> None:
    before = house.amqp_url("worker")
    made = make(house.secrets, renew=("rabbitmq.worker", "redis.worker"))
    texts = files(made, house.places)
    write(house.secrets, texts)
    house.rabbit.definitions.write_text(texts["rabbitmq/definitions.json"])
    house.redis.users.write_text(texts["redis/users.acl"])
    house.made = made
    assert house.amqp_url("worker") != before

    for node in (house.redis, house.rabbit):
        node.stop()
        node.start()
    house.services["worker"].restart(STOP_SECONDS)

    assert final(http, submit(http))["state"] == "succeeded"


def test_a_dead_letter_that_comes_back_often_is_not_lost(house: ShippedHouse) -> None:
    """RabbitMQ 4 drops what was returned 20 times, unless a policy says otherwise."""
    house.services["gateway"].stop(STOP_SECONDS)
    with pika.BlockingConnection(pika.URLParameters(house.amqp_url("worker"))) as connection:
        publishing = connection.channel()
        publishing.confirm_delivery()
        publishing.basic_publish("waymark.dlx", "", b"what nobody can read")

    with pika.BlockingConnection(pika.URLParameters(house.amqp_url("gateway"))) as connection:
        reading = connection.channel()
        for _ in range(MORE_THAN_TWENTY):
            got, _, _ = eventually(lambda: taken(reading), within=10)
            reading.basic_nack(got.delivery_tag, requeue=True)

        assert eventually(lambda: taken(reading), within=10)


def taken(channel: BlockingChannel) -> tuple[Any, Any, Any]:
    """The next dead letter; fails while there is none."""
    got: tuple[Any, Any, Any] = channel.basic_get(DEAD_LETTER_QUEUE)
    assert got[0] is not None
    return got
