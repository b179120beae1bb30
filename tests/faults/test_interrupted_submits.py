"""G9, G12: something breaks in the middle of a submit: its record is written, its 202 is not.

What breaks before a submit is in test_gateway_faults.py and test_gateway_outages.py.
"""

import asyncio
import random
import time
from collections.abc import Callable

import httpx
import pytest

from deploy.local.node import Node
from tests.eventually import eventually_async
from tests.faults.stage import Stage
from tests.faults.test_gateway_faults import PROMISE_SECONDS, knock, until_accepted

pytestmark = pytest.mark.slow

Asked = asyncio.Task[tuple[httpx.Response, float]]
Break = Callable[[Node], None]

HALF_A_SECOND = 0.5  # for two busy cores
KILLS = 20
CLIENTS = 8
KILLED_TENANT = "killed"


def freeze(node: Node) -> None:
    node.freeze()


def kill(node: Node) -> None:
    node.kill()


async def newest(http: httpx.AsyncClient) -> str | None:
    jobs = (await http.get("/v1/jobs", params={"limit": 1})).json()["data"]
    return str(jobs[0]["id"]) if jobs else None


async def begun(http: httpx.AsyncClient, key: str | None) -> tuple[Asked, str]:
    """Submit while RabbitMQ confirms nothing; return when the job is on record."""
    before = await newest(http)
    asked = asyncio.create_task(knock(http, key=key))

    async def on_record() -> str | None:
        now = await newest(http)
        return None if now == before else now

    job = await eventually_async(on_record)
    assert job is not None
    return asked, job


def key_of(name: str) -> str:
    return f"{name}-{time.monotonic_ns()}"


async def comes_to_its_end_once(stage: Stage, http: httpx.AsyncClient, job: str) -> None:
    assert await stage.verdict(http, [job], within=60) == []
    assert len(stage.witness.runs(job)) == 1


async def test_a_broker_that_dies_before_it_confirms_is_503_and_the_repeat_is_the_same_job(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    key = key_of("broker")
    stage.rabbitmq.sync()
    stage.rabbitmq.freeze()
    asked, job = await begun(http, key)
    stage.rabbitmq.kill()
    answer, took = await asked
    await asyncio.to_thread(stage.rabbitmq.start)
    again = await until_accepted(http, within=45, key=key)

    assert (answer.status_code, answer.json()["job_id"]) == (503, job)
    assert int(answer.headers["retry-after"]) > 0
    assert took < PROMISE_SECONDS + HALF_A_SECOND
    assert again == job
    await comes_to_its_end_once(stage, http, job)


@pytest.mark.parametrize("strike", [freeze, kill])
async def test_a_store_that_goes_between_the_record_and_the_confirm_makes_no_false_202(
    stage: Stage, http: httpx.AsyncClient, strike: Break
) -> None:
    key = key_of("store")
    stage.rabbitmq.freeze()
    asked, job = await begun(http, key)
    await asyncio.sleep(1.1)  # what was written is on disk: a killed Redis still knows it
    strike(stage.redis)
    stage.rabbitmq.thaw()
    answer, took = await asked
    await asyncio.to_thread(stage.heal)
    again = await until_accepted(http, within=45, key=key)

    assert answer.status_code in {202, 503}
    assert took < PROMISE_SECONDS + HALF_A_SECOND
    assert again == job
    await comes_to_its_end_once(stage, http, job)


@pytest.mark.parametrize("strike", [freeze, kill])
async def test_a_store_that_goes_while_it_is_asked_is_503_and_the_repeat_makes_one_job(
    stage: Stage, http: httpx.AsyncClient, strike: Break
) -> None:
    key = key_of("asked")
    before = await newest(http)
    stage.redis.freeze()
    asked = asyncio.create_task(knock(http, key=key))
    await asyncio.sleep(0.3)  # the script is on its way by now
    strike(stage.redis)
    answer, took = await asked
    await asyncio.to_thread(stage.heal)
    job = await until_accepted(http, within=45, key=key)
    made = [one["id"] for one in (await http.get("/v1/jobs", params={"limit": 5})).json()["data"]]

    assert answer.status_code == 503
    assert int(answer.headers["retry-after"]) > 0
    assert took < PROMISE_SECONDS + HALF_A_SECOND
    assert made[: made.index(before) if before in made else 1] == [job]
    await comes_to_its_end_once(stage, http, job)


async def test_a_job_without_a_key_that_cannot_be_withdrawn_is_said_to_stand(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    stage.rabbitmq.freeze()
    asked, job = await begun(http, None)
    stage.redis.freeze()
    answer, took = await asked
    stage.redis.thaw()
    stage.rabbitmq.thaw()

    told = answer.json()
    assert (answer.status_code, told["job_id"], told["withdrawn"]) == (503, job, False)
    assert took < PROMISE_SECONDS + HALF_A_SECOND
    assert await stage.verdict(http, [job], within=60) == []


async def test_twenty_kills_of_the_gateway_make_as_many_jobs_as_keys_and_each_runs_once(
    stage: Stage,
) -> None:
    gateway = stage.house.service("gateway")
    jobs: dict[str, str] = {}
    async with stage.client(KILLED_TENANT) as http:
        over = asyncio.Event()
        clients = [asyncio.create_task(stream(stage, http, n, jobs, over)) for n in range(CLIENTS)]
        chance = random.Random(20)
        for _ in range(KILLS):
            await asyncio.sleep(chance.uniform(0.05, 0.6))
            gateway.kill()
            await asyncio.to_thread(gateway.start)
        over.set()
        await asyncio.gather(*clients)
        listed = await everything(http)

        assert len(jobs) > KILLS * 3
        assert sorted(jobs.values()) == sorted(listed)
        assert await stage.verdict(http, listed, within=90, tenant=KILLED_TENANT) == []
    assert {job: len(stage.witness.runs(job)) for job in listed} == dict.fromkeys(listed, 1)


async def stream(
    stage: Stage, http: httpx.AsyncClient, client: int, jobs: dict[str, str], over: asyncio.Event
) -> None:
    """Submit one job after the other; each is repeated under its key until it is accepted."""
    body = {"type": "witness.act", "payload": {}}
    while not over.is_set():
        key = key_of(f"client-{client}")
        jobs[key] = str((await stage.gateway.submit(http, body, key=key, within=60))["id"])


async def everything(http: httpx.AsyncClient) -> list[str]:
    """Return the ids of all jobs of the tenant."""
    found: list[str] = []
    cursor: dict[str, str] = {}
    while True:
        page = (await http.get("/v1/jobs", params={"limit": "200", **cursor})).json()
        found += [str(job["id"]) for job in page["data"]]
        if not page["page"]["has_more"]:
            return found
        cursor = {"cursor": page["page"]["next"]}
