"""Dead letters on real nodes and a real gateway: filters, pace, abort, kills, races, late news."""

import asyncio
import itertools
import re
import time
import uuid
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from shared.adapters.store_redis import RedisStore
from shared.contracts.answers import ClaimVerdict
from shared.contracts.commands import RunJob
from shared.contracts.job import DeadLetterReason, JobRecord, Outcome
from shared.contracts.lifecycle import State
from shared.contracts.operations import Claim, Fail, Fault, Read
from tests.eventually import eventually, eventually_async
from tests.fakes.dead_letters import bury
from tests.fakes.gateway import as_key
from tests.integration.gateway_running import A_JOB, Broker, RunningGateway
from tests.nodes import Rabbit, Redis

CAMPAIGNS = "/v1/dead-letters/campaigns"


START_SECONDS = 60.0


@pytest.fixture(scope="module")
def gateway(
    rabbitmq: Rabbit, redis_node: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    """One process for all tests; each works in a tenant of its own."""
    redis_node.flush()
    amqp_url = rabbitmq.new_vhost("test-gateway-dead-letters")
    Broker(amqp_url).serve()
    running = RunningGateway(
        tmp_path_factory.mktemp("gateway"), redis_url=redis_node.url, amqp_url=amqp_url
    )
    try:
        start_patiently(running)
        asyncio.run(running.until_ready(within=START_SECONDS))
        yield running
    finally:
        running.kill()


def start_patiently(gateway: RunningGateway) -> None:
    try:
        gateway.start()
    except AssertionError:  # a busy machine
        eventually(lambda: gateway.get("/live").status_code == 200, within=START_SECONDS)


@pytest.fixture
def tenant() -> str:
    return f"t-{uuid.uuid4().hex[:12]}"


@pytest.fixture
def broker(gateway: RunningGateway) -> Broker:
    broker = Broker(gateway.amqp_url)
    broker.jobs()
    return broker


@pytest.fixture
def store(gateway: RunningGateway) -> Iterator[RedisStore]:
    store = RedisStore(gateway.redis_url)
    yield store
    store.close()


def operator(gateway: RunningGateway, tenant: str) -> httpx.AsyncClient:
    return httpx.AsyncClient(
        base_url=gateway.url,
        headers={"authorization": as_key("sre"), "waymark-tenant": tenant},
        timeout=30,
        trust_env=False,
    )


@pytest.fixture
async def http(gateway: RunningGateway, tenant: str) -> AsyncIterator[httpx.AsyncClient]:
    async with operator(gateway, tenant) as client:
        yield client


def read(store: RedisStore, tenant: str, job: str) -> JobRecord:
    record = store.do(Read(tenant=tenant, job=job))
    assert record
    return record


async def start(http: httpx.AsyncClient, action: str = "redrive", **members: Any) -> str:
    answer = await http.post(f"/v1/dead-letters/{action}", json=members)
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


async def look(http: httpx.AsyncClient, campaign: str) -> dict[str, Any]:
    answer = await http.get(f"{CAMPAIGNS}/{campaign}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def until_over(
    http: httpx.AsyncClient, campaign: str, within: float = 30.0
) -> dict[str, Any]:
    async def over() -> bool:
        return bool((await look(http, campaign))["state"] != "running")

    await eventually_async(over, within=within)
    return await look(http, campaign)


def counted(metrics: str, reason: str) -> float:
    found = re.search(
        rf'^waymark_dead_letters\{{reason="{reason}"\}} (\S+)$', metrics, re.MULTILINE
    )
    return float(found[1]) if found else 0.0


async def until_done(http: httpx.AsyncClient, campaign: str, count: int) -> None:
    async def done() -> bool:
        return int((await look(http, campaign))["counts"]["done"]) >= count

    await eventually_async(done, within=15)


async def test_a_filter_decides_what_is_listed_and_what_is_redriven(
    http: httpx.AsyncClient, tenant: str, store: RedisStore, broker: Broker
) -> None:
    boom = bury(store, tenant, 5)
    other = bury(store, tenant, 5, code="bang")
    poison = bury(store, tenant, 5, kind="demo.poison", reason=DeadLetterReason.POISON)

    async def listed(**query: str) -> set[str]:
        answer = await http.get("/v1/dead-letters", params=query)
        return {job["id"] for job in answer.json()["data"]}

    assert await listed() == {*boom, *other, *poison}
    assert await listed(error_code="bang") == set(other)
    assert await listed(reason="poison") == set(poison)
    assert await listed(type="demo.steps") == {*boom, *other}
    assert await listed(older_than_seconds="3600") == set()
    ended = await until_over(
        http, await start(http, filter={"error_code": "boom", "type": "demo.steps"})
    )
    discarded = await until_over(http, await start(http, "discard", ids=poison, reason="of no use"))

    assert ended["counts"] == {"matched": 5, "done": 5, "failed": 0, "skipped": 0}
    assert discarded["counts"]["done"] == 5
    assert sorted(broker.jobs()) == sorted(boom)
    assert await listed() == set(other)
    shown = (await http.get(f"/v1/jobs/{poison[0]}")).json()
    assert (shown["state"], shown["dead_letter"]) == ("failed", None)
    assert (shown["discarded"]["by"], shown["discarded"]["reason"]) == ("key:sre", "of no use")


@pytest.mark.parametrize("rate", [20.0, 200.0])
async def test_the_rate_is_kept_within_a_fifth_and_without_bursts(
    http: httpx.AsyncClient, tenant: str, store: RedisStore, broker: Broker, rate: float
) -> None:
    count = round(3 * rate)
    bury(store, tenant, count)
    started = time.monotonic()
    campaign = await start(http, filter={}, rate_per_second=rate)
    seen: list[tuple[float, float, int]] = []  # asked, answered, done
    while True:
        asked = time.monotonic()
        now = await look(http, campaign)
        seen.append((asked, time.monotonic(), int(now["counts"]["done"])))
        if now["state"] != "running":
            break
        await asyncio.sleep(0.05)

    measured = count / (seen[-1][1] - started)
    assert measured == pytest.approx(rate, rel=0.2), seen
    for (asked, _, before), (_, answered, after) in itertools.combinations(seen, 2):
        assert after - before <= rate * (answered - asked + 1.0), "over a second's worth at once"
    assert len(set(broker.jobs())) == count


async def test_an_aborted_campaign_leaves_the_rest_where_it_is(
    http: httpx.AsyncClient, tenant: str, store: RedisStore
) -> None:
    jobs = bury(store, tenant, 100)
    campaign = await start(http, filter={}, rate_per_second=20)
    await until_done(http, campaign, 10)

    aborted = (await http.post(f"{CAMPAIGNS}/{campaign}/abort")).json()
    await asyncio.sleep(1.0)

    done = aborted["counts"]["done"]
    assert aborted["state"] == "aborted"
    assert 10 <= done < 100
    assert (await look(http, campaign)) == aborted
    left = [job for job in jobs if read(store, tenant, job).state is State.FAILED]
    assert len(left) == 100 - done


async def test_campaigns_over_the_same_letters_do_each_once(
    http: httpx.AsyncClient, tenant: str, store: RedisStore, broker: Broker
) -> None:
    jobs = bury(store, tenant, 120)
    campaigns = await asyncio.gather(
        *(start(http, filter={}, rate_per_second=60) for _ in range(3))
    )
    ends = [await until_over(http, campaign) for campaign in campaigns]

    counts = [end["counts"] for end in ends]
    assert sum(one["done"] for one in counts) == 120
    assert all(one["done"] + one["skipped"] == one["matched"] for one in counts)
    assert {read(store, tenant, job).redrives for job in jobs} == {1}
    assert sorted(broker.jobs()) == sorted(jobs), "each was published once"


async def test_a_late_filing_never_fails_a_redriven_job(
    http: httpx.AsyncClient, tenant: str, store: RedisStore, broker: Broker
) -> None:
    job = (await http.post("/v1/jobs", json=A_JOB)).json()["id"]
    record = read(store, tenant, job)
    store.do(Claim(tenant=tenant, message=RunJob.of(record), token="t", worker="w", lease=15_000))
    text = '{"code":"boom","message":"","type":"E","retryable":false}'
    store.do(
        Fail(
            tenant=tenant,
            job=job,
            token="t",
            fault=Fault(error=text, public=text, outcome=Outcome.FAILED),
            reason=DeadLetterReason.NOT_RETRYABLE,
        )
    )

    answer = await http.post(f"/v1/jobs/{job}/retry")
    broker.reject_one()  # only now does the worker give up the message of the former life
    eventually(lambda: broker.depth("waymark.dead") == 0, within=10)

    assert answer.status_code == 202
    assert read(store, tenant, job).state is State.QUEUED
    assert broker.jobs() == [job], "the message of the new life, once"
    now = read(store, tenant, job)
    asked = Claim(tenant=tenant, message=RunJob.of(now), token="t2", worker="w", lease=15_000)
    claimed = store.do(asked)
    assert (claimed.verdict, now.dispatch) == (ClaimVerdict.RUN, 2)


async def test_the_gauge_tells_how_many_wait(
    http: httpx.AsyncClient, tenant: str, store: RedisStore
) -> None:
    # reasons that no other test here has
    bury(store, tenant, 7, reason=DeadLetterReason.DELIVERY_LIMIT)
    bury(store, tenant, 2, reason=DeadLetterReason.ATTEMPTS_EXHAUSTED)

    async def told() -> bool:
        text = (await http.get("/metrics")).text
        assert counted(text, "delivery_limit") == 7
        assert counted(text, "attempts_exhausted") == 2
        return True

    await eventually_async(told, within=10)


async def test_a_campaign_outlives_its_gateway_and_does_each_letter_once(
    gateway: RunningGateway, tenant: str, store: RedisStore, broker: Broker
) -> None:
    jobs = bury(store, tenant, 200)
    async with operator(gateway, tenant) as http:
        campaign = await start(http, filter={}, rate_per_second=50)
        for reached in (30, 100):
            await until_done(http, campaign, reached)
            gateway.kill()
            start_patiently(gateway)
        ended = await until_over(http, campaign)

    assert ended["counts"] == {"matched": 200, "done": 200, "failed": 0, "skipped": 0}
    assert {read(store, tenant, job).redrives for job in jobs} == {1}
    found: set[str] = set()

    def all_there() -> bool:
        found.update(broker.jobs())
        return found == set(jobs)

    eventually(all_there, within=20)  # the sweeper brings what the kills left in the outbox
