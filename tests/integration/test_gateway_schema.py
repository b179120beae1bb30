"""What the gateway says of itself is true: Schemathesis tries the whole document on a real one.

The longer trial, with workers that run the jobs, is in tests/faults/test_schema_trial.py.
"""

from collections.abc import Callable, Iterator
from copy import deepcopy
from pathlib import Path

import pytest

from tests.fakes.gateway import DEV, as_key
from tests.integration.gateway_running import RunningGateway, gateway_with_webhooks
from tests.integration.schema_trial import Document, Trial, attempt, sharpened
from tests.nodes import Rabbit, Redis

TRIALS = {
    "every case of every rule, with a tenant's key": Trial(
        keys={"dev": DEV}, phases=["examples", "coverage"]
    ),
    "in sequence, with the keys of two tenants": Trial(
        keys={"dev": DEV, "other": as_key("other")}, phases=["stateful"], examples=5
    ),
    "at random, with a platform key": Trial(
        keys={"sre": as_key("sre")}, phases=["fuzzing"], examples=2, tenant="dev"
    ),
}


@pytest.fixture(scope="module")
def gateway(
    rabbitmq: Rabbit, redis_node: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("gateway")
    with gateway_with_webhooks("test-gateway-schema", rabbitmq, redis_node, folder) as running:
        yield running


@pytest.fixture(scope="module")
def document(gateway: RunningGateway) -> Document:
    types = gateway.get("/v1/types").json()["data"]
    return sharpened(
        gateway.get("/openapi.json").json(),
        types={one["type"]: one["payload_schema"] for one in types},
    )


@pytest.mark.parametrize("trial", TRIALS.values(), ids=TRIALS.keys())
def test_every_answer_is_as_the_document_says(
    gateway: RunningGateway, document: Document, tmp_path: Path, trial: Trial
) -> None:
    if found := attempt(trial, document, url=gateway.url, folder=tmp_path):
        pytest.fail(found, pytrace=False)


def forget_404(document: Document) -> None:
    document["paths"]["/v1/jobs/{job}"]["get"]["responses"].pop("404")


def forget_a_member(document: Document) -> None:
    schema = document["components"]["schemas"]["JobType"]
    schema["properties"].pop("summary")
    schema["required"].remove("summary")


def demand_a_header(document: Document) -> None:
    answer = document["paths"]["/v1/types"]["get"]["responses"]["200"]
    answer["headers"]["ETag"] = {"required": True, "schema": {"type": "string"}}


LIES: tuple[tuple[Callable[[Document], None], str, str], ...] = (
    (forget_404, "/v1/jobs/{job}", "Received: 404"),
    (forget_a_member, "/v1/types", "Response violates schema"),
    (demand_a_header, "/v1/types", "missing from the response"),
)


@pytest.mark.parametrize(("lie", "path", "found"), LIES)
def test_a_document_that_lies_is_found_out(
    gateway: RunningGateway,
    document: Document,
    tmp_path: Path,
    *,
    lie: Callable[[Document], None],
    path: str,
    found: str,
) -> None:
    lying = deepcopy(document)
    lie(lying)
    trial = Trial(keys={"dev": DEV}, phases=["fuzzing"], examples=3, only=path)

    assert found in attempt(trial, lying, url=gateway.url, folder=tmp_path)
