"""The store on a real Redis with its own senses: epochs, outages, memory, events."""

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Iterator

import msgspec
import pytest
import redis
import uvloop

from shared.adapters.store_redis import AsyncRedisStore, RedisRegistry, RedisStore
from shared.contracts import operations as ops
from shared.contracts.answers import ClaimVerdict, SubmitVerdict
from shared.contracts.catalog import CatalogEntry, Limits, WorkerCard
from shared.contracts.commands import RunJob
from shared.contracts.errors import StoreUnavailable
from shared.contracts.lifecycle import State
from tests.eventually import eventually
from tests.nodes import Redis

DEADLINE = 1.0
TENANT = "acme"
LEASE = 15_000


def submit_of(number: int) -> ops.Submit:
    now = int(time.time() * 1000)
    return ops.Submit(
        tenant=TENANT,
        job=f"{now >> 16:08x}-{now & 0xFFFF:04x}-7000-8000-{number:012x}",
        type="demo.steps",
        type_version=1,
        queue="default",
        priority=5,
        payload='{"text":"ü"}',
        max_attempts=3,
        labels={},
        submitted_by="key:1",
    )


def claim_of(message: RunJob, number: int) -> ops.Claim:
    return ops.Claim(
        tenant=TENANT, message=message, token=f"{number:032x}", worker="w1", lease=LEASE
    )


@pytest.fixture
def store(redis_url: str) -> Iterator[RedisStore]:
    made = RedisStore(redis_url, deadline=DEADLINE)
    yield made
    made.close()


@pytest.fixture
async def registry(redis_url: str) -> AsyncIterator[RedisRegistry]:
    made = RedisRegistry(redis_url, deadline=DEADLINE)
    yield made
    await made.close()


def test_a_restart_after_a_kill_is_another_epoch(new_redis: Callable[[], Redis]) -> None:
    node = new_redis()
    store = RedisStore(node.url, deadline=DEADLINE)
    job = store.do(submit_of(1)).job
    assert job
    time_to_reach_the_disk = 1.2
    saved_by = time.monotonic() + time_to_reach_the_disk
    eventually(lambda: time.monotonic() > saved_by)
    node.kill()
    node.start()

    ticked = store.do(ops.Tick(tenant=TENANT, lease=LEASE))
    kept = store.do(ops.Read(tenant=TENANT, job=job.id))

    assert kept
    assert ticked.epoch == kept.epoch != job.epoch
    assert ticked.held_for == LEASE
    answer = store.do(claim_of(RunJob.of(job), 1))
    assert answer.verdict is ClaimVerdict.LIVE, "a record of another epoch waits one lease"
    store.close()


def test_a_reader_names_the_epoch_that_a_writer_would_stamp(
    new_redis: Callable[[], Redis],
) -> None:
    node = new_redis()
    store = RedisStore(node.url, deadline=DEADLINE)
    job = store.do(submit_of(1)).job
    assert job
    saved_by = time.monotonic() + 1.2
    eventually(lambda: time.monotonic() > saved_by)
    node.kill()
    node.start()

    position = store.do(ops.Locate(tenant=TENANT, job=job.id))

    assert position
    assert position.epoch == store.do(ops.Tick(tenant=TENANT, lease=LEASE)).epoch
    store.close()


def test_a_store_that_is_away_says_so_in_time_and_comes_back_by_itself(
    new_redis: Callable[[], Redis],
) -> None:
    node = new_redis()
    store = RedisStore(node.url, deadline=DEADLINE)
    store.ping()
    node.kill()

    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        store.do(submit_of(1))
    assert time.monotonic() - started < DEADLINE + 0.5
    node.start()
    assert store.do(submit_of(2)).verdict is SubmitVerdict.ACCEPTED
    store.close()


async def test_a_store_that_hangs_says_so_in_time_and_does_what_was_asked_once(
    new_redis: Callable[[], Redis],
) -> None:
    node = new_redis()
    store = AsyncRedisStore(node.url, deadline=DEADLINE)
    await store.ping()
    node.freeze()

    started = time.monotonic()
    with pytest.raises(StoreUnavailable):
        await store.do(submit_of(1))
    assert time.monotonic() - started < DEADLINE + 0.5
    asked = submit_of(2)
    waiting = asyncio.create_task(store.do(asked))
    await asyncio.sleep(DEADLINE * 0.4)
    node.thaw()
    answer = await waiting
    assert answer.verdict is SubmitVerdict.ACCEPTED
    assert answer.job
    assert answer.job.step == 1
    await store.close()


async def test_a_cancelled_caller_leaves_no_answer_to_the_next(redis_url: str) -> None:
    store = AsyncRedisStore(redis_url, deadline=DEADLINE)
    jobs = [submit_of(number) for number in range(20)]
    await asyncio.gather(*map(store.do, jobs))
    for asked in jobs:
        task = asyncio.create_task(store.do(ops.Read(tenant=TENANT, job=asked.job)))
        await asyncio.sleep(0)
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task

    found = await asyncio.gather(
        *(store.do(ops.Read(tenant=TENANT, job=asked.job)) for asked in jobs)
    )

    assert [one.id for one in found if one] == [asked.job for asked in jobs]
    await store.close()


def test_when_memory_has_run_out_nothing_new_comes_but_what_runs_ends(
    store: RedisStore, redis_url: str
) -> None:
    job = store.do(submit_of(1)).job
    assert job
    store.do(claim_of(RunJob.of(job), 7))
    admin = redis.Redis.from_url(redis_url)
    admin.config_set("maxmemory", 1)
    try:
        with pytest.raises(StoreUnavailable, match="no memory left"):
            store.do(submit_of(2))
        settled = store.do(ops.Succeed(tenant=TENANT, job=job.id, token=f"{7:032x}", result="1"))
        assert settled.state is State.SUCCEEDED
    finally:
        admin.config_set("maxmemory", 0)
        admin.close()


def test_a_server_that_lost_its_scripts_gets_them_again(store: RedisStore, redis_url: str) -> None:
    store.do(submit_of(1))
    admin = redis.Redis.from_url(redis_url)
    admin.script_flush()
    admin.close()

    assert store.do(submit_of(2)).verdict is SubmitVerdict.ACCEPTED


def test_a_record_never_exists_for_a_tenant_that_is_not_enrolled(
    store: RedisStore, redis_url: str
) -> None:
    store.do(submit_of(1))

    admin = redis.Redis.from_url(redis_url)
    assert admin.smembers("wm:tenants") == {b"acme"}
    admin.close()


def test_events_are_published_in_order_with_their_frames(store: RedisStore, redis_url: str) -> None:
    client = redis.Redis.from_url(redis_url)
    feed = client.pubsub(ignore_subscribe_messages=True)
    feed.ssubscribe("wm:{acme}:events")
    feed.subscribe("wm:worker:w1")
    job = store.do(submit_of(1)).job
    assert job
    token = f"{3:032x}"
    store.do(claim_of(RunJob.of(job), 3))
    told = '{"current":1,"total":2,"percent":50.0,"message":"ü"}'
    store.do(ops.Progress(tenant=TENANT, job=job.id, token=token, number=1, progress=told))
    store.do(ops.Cancel(tenant=TENANT, job=job.id, reason=None))
    store.do(ops.Succeed(tenant=TENANT, job=job.id, token=token, result='{"n":[]}'))

    heard: list[bytes] = []

    def hear() -> bool:
        for sharded in (True, False):
            get = feed.get_sharded_message if sharded else feed.get_message
            message = get(timeout=0.01)
            if message:
                heard.append(message["data"])
        return len(heard) >= 5

    eventually(hear)
    assert job.id.encode() in heard, "the worker hears of the cancel at once"
    events = [one.decode().split(" ", 6) for one in heard if one.startswith(job.epoch.encode())]
    assert [(e[1], e[2], e[3], e[4], e[5]) for e in events] == [
        ("1", job.id, "1", "1", "t"),
        ("2", job.id, "2", "2", "t"),
        ("3", job.id, "3", "2", "p"),
        ("4", job.id, "5", "3", "t"),
    ]
    frames = [msgspec.json.decode(e[6]) for e in events]
    assert [frame.get("state") for frame in frames] == ["queued", "running", None, "succeeded"]
    assert frames[2]["progress"]["message"] == "ü"
    assert frames[2]["progress"]["updated_at"].endswith("Z")
    assert frames[3]["result"] == {"n": []}
    position = store.do(ops.Locate(tenant=TENANT, job=job.id, after_step=2))
    assert position
    assert [step.step for step in position.steps] == [3]
    assert "result" not in msgspec.json.decode(position.steps[0].frame)
    feed.close()
    client.close()


def entry(version: int) -> CatalogEntry:
    return CatalogEntry(
        type="csv.profile",
        version=version,
        summary="Profile a file.",
        queue="default",
        isolation="slot",
        limits=Limits(
            soft_time_limit_seconds=None,
            time_limit_seconds=3600,
            retries=5,
            min_backoff_seconds=2,
            max_backoff_seconds=600,
        ),
        payload_schema={"type": "object"},
        result_schema=None,
    )


def card(name: str) -> WorkerCard:
    return WorkerCard(
        id=name,
        host="h",
        pid=1,
        slots=2,
        busy=0,
        queues=("default",),
        types=("csv.profile",),
        started_at=1,
    )


async def test_the_catalogue_has_the_newest_version_of_each_type(registry: RedisRegistry) -> None:
    await registry.announce(card("w2"), [entry(2)])
    await registry.announce(card("w1"), [entry(1)])

    assert await registry.catalogue() == [entry(2)]
    workers = await registry.workers()
    assert [(one.id, one.seen_at > 0) for one in workers] == [("w1", True), ("w2", True)]


async def test_a_retired_worker_is_gone_and_its_types_stay(registry: RedisRegistry) -> None:
    await registry.announce(card("w1"), [entry(1)])
    await registry.retire("w1")

    assert await registry.workers() == []
    assert await registry.catalogue() == [entry(1)]


async def test_a_worker_that_fell_silent_is_gone_and_its_types_go_later(
    registry: RedisRegistry, redis_url: str
) -> None:
    admin = redis.Redis.from_url(redis_url)
    now = int(time.time() * 1000)
    silent = f"{now - 16_000} ".encode()
    admin.hset("wm:workers", "w1", silent + msgspec.json.encode(card("w1")))
    admin.hset("wm:catalog", "csv.profile 1", silent + msgspec.json.encode(entry(1)))
    long_gone = f"{now - 601_000} ".encode()
    admin.hset("wm:catalog", "csv.profile 3", long_gone + msgspec.json.encode(entry(3)))
    admin.close()

    assert await registry.workers() == []
    assert await registry.catalogue() == [entry(1)]


async def test_a_duty_has_one_holder_until_its_lease_ends(registry: RedisRegistry) -> None:
    assert await registry.acquire("sweeper", "a", ttl_ms=200)
    assert not await registry.acquire("sweeper", "b", ttl_ms=200)
    assert await registry.acquire("sweeper", "a", ttl_ms=100), "its holder may renew it"
    assert not await registry.acquire("sweeper", "b", ttl_ms=200)
    await asyncio.sleep(0.15)
    assert await registry.acquire("sweeper", "b", ttl_ms=200)


async def test_an_enrolled_tenant_is_known(registry: RedisRegistry) -> None:
    await registry.enrol("b")
    await registry.enrol("a")

    assert await registry.tenants() == ["a", "b"]


def test_the_line_holds_on_the_loop_that_the_services_run_on(redis_url: str) -> None:
    async def submit_and_read() -> State | None:
        store = AsyncRedisStore(redis_url, deadline=DEADLINE)
        try:
            submitted = await store.do(submit_of(1))
            assert submitted.job is not None
            read = await store.do(ops.Read(tenant=TENANT, job=submitted.job.id))
            return read.state if read else None
        finally:
            await store.close()

    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        assert runner.run(submit_and_read()) is State.QUEUED
