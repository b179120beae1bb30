"""Webhooks when things break: their targets at their worst, and our own processes killed."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.contracts.lifecycle import State
from tests.e2e.webhooks import deliveries_of, heard_ids, submit_with_callback, verified
from tests.eventually import eventually_async
from tests.faults.stage import Stage
from tests.integration.webhook_post import post_office
from tests.integration.webhook_receivers import Receiver, drip, hang, raw_server, receiver

pytestmark = pytest.mark.slow

STUCK = 3  # of four slots
JOBS = 60


def test_a_target_that_hangs_or_drips_is_given_up_after_15_s_and_the_others_go_on(
    amqp_url: str, redis_url: str, tmp_path: Path
) -> None:
    drips = drip(b"HTTP/1.1 200 OK\r\nX: ")
    with (
        post_office(tmp_path, amqp_url=amqp_url, redis_url=redis_url) as post,
        raw_server(hang) as hung,
        raw_server(drips) as dripping,
        receiver() as ours,
    ):
        ports = [hung, dripping, hung]
        stuck = [post.deliver(f"http://127.0.0.1:{port}/") for port in ports[:STUCK]]
        good = post.ends(*(post.deliver(ours.url) for _ in range(100)), within=12)
        bad = post.ends(*stuck)

    assert {end.state for end in good} == {State.SUCCEEDED}
    assert len(ours.heard) == 100
    for end in bad:
        assert end.state is State.FAILED
        assert 14_000 < (end.finished_at or 0) - (end.started_at or 0) < 20_000
        assert "Timeout" in json.loads(end.error or "")["message"]


async def test_every_end_is_told_by_one_webhook_though_gateway_and_worker_are_killed(
    new_stage: Callable[..., Stage],
) -> None:
    with receiver() as ours:
        stage = new_stage(WAYMARK_WEBHOOK_ALLOW=f"http://127.0.0.1:{ours.port}")
        async with stage.client() as http:
            jobs = [
                await submit_with_callback(stage.gateway, http, ours.url, seconds=0.02 * number)
                for number in range(JOBS)
            ]
            for name in ("gateway", "worker", "gateway", "gateway"):
                await _until_heard(ours, len(heard_ids(ours)) + 5)
                service = stage.house.service(name)
                await asyncio.to_thread(service.kill)
                await asyncio.to_thread(service.start)
            ended = await stage.gateway.settle(http, jobs, within=90)
            await _until_heard(ours, JOBS)
            deliveries = await deliveries_of(http)
            events = await verified(http, ours)

    assert {job["state"] for job in ended.values()} == {"succeeded"}
    assert sorted(found["labels"]["callback_of"] for found in deliveries) == sorted(jobs)
    assert heard_ids(ours) == {found["id"] for found in deliveries}
    assert {event["data"]["id"] for event in events} == set(jobs)


async def _until_heard(ours: Receiver, count: int) -> None:
    async def heard() -> bool:
        assert len(heard_ids(ours)) >= count, f"{len(heard_ids(ours))} of {count}"
        return True

    await eventually_async(heard, within=90)
