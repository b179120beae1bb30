"""Dead letters on real nodes and a real gateway: filters, pace, abort, kills, races, late news."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
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
from tests.integration.gateway_running import A_JOB, Broker, RunningGateway

CAMPAIGNS = "/v1/dead-letters/campaigns"


@pytest.fixture
def gateway(amqp_url: str, redis_url: str, tmp_path: Path) -> Iterator[RunningGateway]:
    Broker(amqp_url).serve()
    running = RunningGateway(tmp_path, redis_url=redis_url, amqp_url=amqp_url)
    running.start()
    asyncio.run(running.until_ready())
    yield running
    running.kill()


@pytest.fixture
def broker(gateway: RunningGateway) -> Broker:
    return Broker(gateway.amqp_url)


@pytest.fixture
def store(gateway: RunningGateway) -> Iterator[RedisStore]:
    store = RedisStore(gateway.redis_url)
    yield store
    store.close()


@pytest.fixture
async def http(gateway: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway.client() as client:
        yield client


def read(store: RedisStore, job: str) -> JobRecord:
    record = store.do(Read(tenant="dev", job=job))
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


async def until_done(http: httpx.AsyncClient, campaign: str, count: int) -> None:
    async def done() -> bool:
        return int((await look(http, campaign))["counts"]["done"]) >= count

    await eventually_async(done, within=15)


async def test_a_filter_decides_what_is_listed_and_what_is_redriven(
    http: httpx.AsyncClient, store: RedisStore, broker: Broker
) -> None:
    boom = bury(store, "dev", 5)
    other = bury(store, "dev", 5, code="bang")
    poison = bury(store, "dev", 5, kind="demo.poison", reason=DeadLetterReason.POISON)

    async def listed(**query: str) -> set[str]:
        answer = await http.get("/v1/dead-letters", params=query)
        return {job["id"] for job in answer.json()["data"]}

    assert await listed() == {*boom, *other, *poison}
    assert await listed(error_code="bang") == set(other)
    assert await listed(reason="poison") == set(poison)
    assert await listed(type="demo.steps") == {*boom, *other}
    assert await listed(older_than_seconds="3600") == set()
    ended = await until_over(http, await start(http, filter={"error_code": "boom"}))
    discarded = await until_over(http, await start(http, "discard", ids=poison, reason="of no use"))

    assert ended["counts"] == {"matched": 5, "done": 5, "failed": 0, "skipped": 0}
    assert discarded["counts"]["done"] == 5
    assert sorted(broker.jobs()) == sorted(boom)
    assert await listed() == set(other)
    shown = (await http.get(f"/v1/jobs/{poison[0]}")).json()
    assert (shown["state"], shown["dead_letter"]) == ("failed", None)
    assert (shown["discarded"]["by"], shown["discarded"]["reason"]) == ("key:dev", "of no use")


@pytest.mark.parametrize(("count", "rate"), [(60, 20.0), (600, 200.0)])
async def test_the_rate_is_kept_within_a_fifth_and_without_bursts(
    http: httpx.AsyncClient, store: RedisStore, broker: Broker, count: int, rate: float
) -> None:
    bury(store, "dev", count)
    campaign = await start(http, filter={}, rate_per_second=rate)
    seen: list[tuple[float, int]] = []
    while True:
        now = await look(http, campaign)
        seen.append((time.monotonic(), int(now["counts"]["done"])))
        if now["state"] != "running":
            break
        await asyncio.sleep(0.05)

    begun = next(index for index, (_, done) in enumerate(seen) if done)
    (first_at, first), (last_at, last) = seen[begun], seen[-1]
    measured = (last - first) / (last_at - first_at)
    assert measured == pytest.approx(rate, rel=0.2), seen
    assert first <= rate, "no more than a second's worth at once"
    assert len(set(broker.jobs())) == count


async def test_an_aborted_campaign_leaves_the_rest_where_it_is(
    http: httpx.AsyncClient, store: RedisStore
) -> None:
    jobs = bury(store, "dev", 100)
    campaign = await start(http, filter={}, rate_per_second=20)
    await until_done(http, campaign, 10)

    aborted = (await http.post(f"{CAMPAIGNS}/{campaign}/abort")).json()
    await asyncio.sleep(1.0)

    done = aborted["counts"]["done"]
    assert aborted["state"] == "aborted"
    assert 10 <= done < 100
    assert (await look(http, campaign)) == aborted
    left = [job for job in jobs if read(store, job).state is State.FAILED]
    assert len(left) == 100 - done


async def test_a_campaign_outlives_its_gateway_and_does_each_letter_once(
    gateway: RunningGateway, store: RedisStore, broker: Broker
) -> None:
    jobs = bury(store, "dev", 200)
    async with gateway.client() as http:
        campaign = await start(http, filter={}, rate_per_second=50)
        for reached in (30, 100):
            await until_done(http, campaign, reached)
            gateway.kill()
            gateway.start()
        ended = await until_over(http, campaign)

    assert ended["counts"] == {"matched": 200, "done": 200, "failed": 0, "skipped": 0}
    assert {read(store, job).redrives for job in jobs} == {1}
    found: set[str] = set()

    def all_there() -> bool:
        found.update(broker.jobs())
        return found == set(jobs)

    eventually(all_there, within=20)  # the sweeper brings what the kills left in the outbox


async def test_campaigns_over_the_same_letters_do_each_once(
    http: httpx.AsyncClient, store: RedisStore, broker: Broker
) -> None:
    jobs = bury(store, "dev", 120)
    campaigns = await asyncio.gather(
        *(start(http, filter={}, rate_per_second=60) for _ in range(3))
    )
    ends = [await until_over(http, campaign) for campaign in campaigns]

    counts = [end["counts"] for end in ends]
    assert sum(one["done"] for one in counts) == 120
    assert all(one["done"] + one["skipped"] == one["matched"] for one in counts)
    assert {read(store, job).redrives for job in jobs} == {1}
    assert sorted(broker.jobs()) == sorted(jobs), "each was published once"


async def test_a_late_filing_never_fails_a_redriven_job(
    http: httpx.AsyncClient, store: RedisStore, broker: Broker
) -> None:
    job = (await http.post("/v1/jobs", json=A_JOB)).json()["id"]
    record = read(store, job)
    store.do(Claim(tenant="dev", message=RunJob.of(record), token="t", worker="w", lease=15_000))
    text = '{"code":"boom","message":"","type":"E","retryable":false}'
    store.do(
        Fail(
            tenant="dev",
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
    assert read(store, job).state is State.QUEUED
    assert broker.jobs() == [job], "the message of the new life, once"
    now = read(store, job)
    asked = Claim(tenant="dev", message=RunJob.of(now), token="t2", worker="w", lease=15_000)
    claimed = store.do(asked)
    assert (claimed.verdict, now.dispatch) == (ClaimVerdict.RUN, 2)


async def test_the_gauge_tells_how_many_wait(
    gateway: RunningGateway, http: httpx.AsyncClient, store: RedisStore
) -> None:
    bury(store, "dev", 7)
    bury(store, "dev", 2, reason=DeadLetterReason.POISON)

    async def told() -> bool:
        text = (await http.get("/metrics")).text
        assert 'waymark_dead_letters{reason="not_retryable"} 7.0' in text
        assert 'waymark_dead_letters{reason="poison"} 2.0' in text
        return True

    await eventually_async(told, within=10)
