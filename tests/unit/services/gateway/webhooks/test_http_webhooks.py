"""The webhooks' corner of the API."""

import json
from pathlib import Path

import jsonschema_rs
import pytest

from shared.contracts.operations import Read
from shared.contracts.webhooks.signatures import tenant_secrets
from tests.fakes.gateway import WEBHOOKS, FakeGateway, as_key, pointers
from tests.fakes.registry import an_entry

NEWER, OLDER = "n" * 40, "o" * 40
URL = "https://hooks.example.com/orders"
WEBHOOK = {"url": URL, "payload": {"order": 7, "sum": 12.50}, "event_id": "evt_1"}
PAYLOAD_SCHEMA = {
    "type": "object",
    "properties": {"url": {}, "payload": {"type": "object"}, "event_id": {}},
    "required": ["url", "payload"],
    "additionalProperties": False,
}


@pytest.fixture
def gateway(tmp_path: Path) -> FakeGateway:
    return FakeGateway(
        tmp_path,
        an_entry(),
        an_entry("webhook.deliver", queue="webhooks", schema=PAYLOAD_SCHEMA),
    )


async def test_each_tenant_sees_its_own_secret(gateway: FakeGateway) -> None:
    ours = await gateway.get("/v1/webhooks/secret")
    theirs = await gateway.get("/v1/webhooks/secret", authorization=as_key("other"))
    named = await gateway.get(
        "/v1/webhooks/secret", authorization=as_key("sre"), waymark_tenant="other"
    )

    (expected,) = tenant_secrets([WEBHOOKS["webhook_secrets"]], "dev")
    assert ours.json() == {"secret": expected, "previous": []}
    assert ours.headers["cache-control"] == "no-store"
    assert theirs.json()["secret"] != expected
    assert named.json() == theirs.json()


async def test_during_a_rotation_the_older_secrets_are_shown_too(tmp_path: Path) -> None:
    gateway = FakeGateway(tmp_path, webhooks={"webhook_secrets": f"{NEWER},{OLDER}"})

    shown = (await gateway.get("/v1/webhooks/secret")).json()

    newer, older = tenant_secrets([NEWER, OLDER], "dev")
    assert shown == {"secret": newer, "previous": [older]}


@pytest.mark.parametrize("key", ["reader", "submitter"])
async def test_only_operators_see_it(gateway: FakeGateway, key: str) -> None:
    answer = await gateway.get("/v1/webhooks/secret", authorization=as_key(key))

    assert answer.status_code == 403


async def test_who_looked_at_it_is_on_record_and_the_secret_is_not(gateway: FakeGateway) -> None:
    secret = (await gateway.get("/v1/webhooks/secret")).json()["secret"]

    (entry,) = (await gateway.get("/v1/audit")).json()["data"]
    assert (entry["action"], entry["by"]) == ("webhook.show_secret", "key:dev")
    assert secret not in str(entry)


async def test_a_house_without_a_secret_says_what_to_set(tmp_path: Path) -> None:
    gateway = FakeGateway(tmp_path, webhooks={"webhook_secrets": ""})

    answer = await gateway.get("/v1/webhooks/secret")

    assert answer.status_code == 404
    assert answer.json()["code"] == "webhooks-not-configured"
    assert "WAYMARK_WEBHOOK_SECRETS" in answer.json()["detail"]


async def test_a_webhook_is_accepted_as_a_job_that_delivers_it(gateway: FakeGateway) -> None:
    answer = await gateway.post("/v1/webhooks/deliver", WEBHOOK)

    assert answer.status_code == 202
    job = answer.json()
    assert (job["type"], job["queue"], job["payload"]) == ("webhook.deliver", "webhooks", WEBHOOK)
    assert answer.headers["location"] == job["links"]["self"]
    assert job["access"]["token"]
    assert [message.job for message, _ in gateway.publisher.sent] == [job["id"]]


async def test_the_same_key_makes_one_webhook(gateway: FakeGateway) -> None:
    first = await gateway.post("/v1/webhooks/deliver", WEBHOOK, idempotency_key="k")
    again = await gateway.post("/v1/webhooks/deliver", WEBHOOK, idempotency_key="k")
    job = await gateway.submit(idempotency_key="k")  # of another call: another key

    assert again.json()["id"] == first.json()["id"] != job.json()["id"]
    assert again.headers["idempotent-replayed"] == "true"


@pytest.mark.parametrize(
    ("body", "where"),
    [
        ({"payload": {}}, ["/url"]),
        ({"url": URL}, ["/payload"]),
        ({"url": URL, "payload": []}, ["/payload"]),
        ({"url": "https://10.0.0.1/", "payload": {}}, ["/url"]),
        ({"url": URL, "payload": {}, "event_id": "a.b"}, ["/event_id"]),
        ({"url": URL, "payload": {}, "queue": "x"}, ["/queue"]),
    ],
)
async def test_what_is_wrong_with_a_webhook_is_pointed_to(
    gateway: FakeGateway, body: object, where: list[str]
) -> None:
    answer = await gateway.post("/v1/webhooks/deliver", body)

    assert answer.status_code == 422
    assert pointers(answer) == where


async def test_a_reader_may_send_none(gateway: FakeGateway) -> None:
    answer = await gateway.post("/v1/webhooks/deliver", WEBHOOK, authorization=as_key("reader"))

    assert answer.status_code == 403


async def test_a_webhook_that_is_too_large_is_413(gateway: FakeGateway) -> None:
    large = {**WEBHOOK, "payload": {"text": "x" * (256 << 10)}}

    answer = await gateway.post("/v1/webhooks/deliver", large)

    assert (answer.status_code, answer.json()["code"]) == (413, "payload-too-large")


async def test_a_callback_is_kept_and_shown_to_operators_alone(gateway: FakeGateway) -> None:
    url = f"{URL}?token=abc"
    body = {"type": "demo.steps", "payload": {"steps": 3}, "callback_url": url}
    answer = await gateway.submit(body)
    path = f"/v1/jobs/{answer.json()['id']}"

    kept = gateway.store.do(Read(tenant="dev", job=answer.json()["id"]))
    assert kept
    assert kept.callback_url == answer.json()["callback_url"] == url
    assert (await gateway.get(path)).json()["callback_url"] == url
    assert (await gateway.get(path, authorization=as_key("reader"))).json()["callback_url"] is None


@pytest.mark.parametrize(
    "url",
    [
        *("http://hooks.example.com/", "https://127.1/", "https://[::ffff:10.0.0.1]/"),
        *("https://u:p@hooks.example.com/", "https://hooks.example.com:22/", "ftp://x", "", 7),
    ],
)
async def test_a_callback_that_may_not_be_called_is_refused_at_the_door(
    gateway: FakeGateway, url: object
) -> None:
    body = {"type": "demo.steps", "payload": {"steps": 3}, "callback_url": url}

    answer = await gateway.submit(body)

    assert answer.status_code == 422
    assert pointers(answer) == ["/callback_url"]
    assert gateway.publisher.sent == []


async def test_without_a_secret_no_callback_is_promised(tmp_path: Path) -> None:
    gateway = FakeGateway(tmp_path, webhooks={"webhook_secrets": ""})
    body = {"type": "demo.steps", "payload": {"steps": 3}, "callback_url": URL}

    answer = await gateway.submit(body)

    assert answer.status_code == 422
    assert "WAYMARK_WEBHOOK_SECRETS" in answer.text


async def test_what_receivers_are_sent_is_described_with_an_example_that_fits(
    gateway: FakeGateway,
) -> None:
    document = json.loads(json.dumps(gateway.api.openapi()))
    schema = document["components"]["schemas"]["JobEvent"]

    body = document["webhooks"]["job.ended"]["post"]["requestBody"]["content"]["application/json"]
    assert body["schema"] == {"$ref": "#/components/schemas/JobEvent"}
    (example,) = schema["examples"]
    checker = {"components": document["components"], **schema}
    jsonschema_rs.Draft202012Validator(checker, validate_formats=True).validate(example)
