"""A gateway whose collector is away, hangs, or comes back: clients and a stop notice nothing."""

import json
import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local.ports import free_port
from tests.collector import collecting
from tests.eventually import eventually_async
from tests.integration.gateway_running import A_JOB, RunningGateway, gateway_for
from tests.nodes import Rabbit, Redis


@pytest.fixture
def port() -> int:
    """Where a collector might be."""
    return free_port()


@pytest.fixture
def gateway(
    rabbitmq: Rabbit, redis_node: Redis, tmp_path: Path, port: int
) -> Iterator[RunningGateway]:
    url = f"http://127.0.0.1:{port}"
    with gateway_for("collector", rabbitmq, redis_node, tmp_path, WAYMARK_OTLP_URL=url) as running:
        yield running


def dropped(gateway: RunningGateway) -> int:
    wanted = 'waymark_trace_spans_total{outcome="dropped"} '
    lines = gateway.get("/metrics").text.splitlines()
    return int(float(next(line for line in lines if line.startswith(wanted)).split()[-1]))


def told(gateway: RunningGateway) -> list[str]:
    lines = [json.loads(line) for line in gateway.log.read_text().splitlines()]
    return [line["event"] for line in lines if line["event"].startswith("spans_")]


async def test_one_that_is_away_costs_its_spans_alone(gateway: RunningGateway, port: int) -> None:
    await gateway.until_ready()
    async with gateway.client() as http:
        for _ in range(20):
            assert (await http.post("/v1/jobs", json=A_JOB)).status_code == 202

        async def lost() -> bool:
            return dropped(gateway) >= 40

        await eventually_async(lost, within=30)
        assert told(gateway) == ["spans_dropped"]
        with collecting(port) as far:

            async def arrives() -> bool:
                assert (await http.post("/v1/jobs", json=A_JOB)).status_code == 202
                return bool(far.spans)

            await eventually_async(arrives, within=30)

    assert gateway.stop() == 0
    assert told(gateway)[:2] == ["spans_dropped", "spans_exported_again"]


async def test_one_that_hangs_keeps_no_gateway_from_stopping(
    gateway: RunningGateway, port: int
) -> None:
    await gateway.until_ready()
    with socket.create_server(("127.0.0.1", port)):  # connections come in, nobody answers
        async with gateway.client() as http:
            answers = [await http.post("/v1/jobs", json=A_JOB) for _ in range(20)]
        started = time.monotonic()
        status = gateway.stop()

    assert {answer.status_code for answer in answers} == {202}
    assert status == 0
    assert time.monotonic() - started < 10
