"""The webhooks' corner of the API."""

from pathlib import Path

import pytest

from shared.contracts.webhooks.signatures import tenant_secrets
from tests.fakes.gateway import WEBHOOKS, FakeGateway, as_key

NEWER, OLDER = "n" * 40, "o" * 40


@pytest.fixture
def gateway(tmp_path: Path) -> FakeGateway:
    return FakeGateway(tmp_path)


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
