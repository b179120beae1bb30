"""RabbitMQ or Redis away: 503 within 3 s, nothing lost, nothing twice, no restart needed."""

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import pytest

from deploy.local.ports import free_port
from tests.eventually import eventually, eventually_async
from tests.fakes.gateway import TOKEN_SECRET
from tests.integration.gateway_running import A_JOB, ROOT, Broker, RunningGateway
from tests.nodes import Rabbit, Redis

PROMISE_SECONDS = 3.0


class Outage:
    """A gateway on nodes that may be broken."""

    def __init__(self, folder: Path, rabbit: Rabbit, redis: Redis) -> None:
        self.rabbit, self.redis = rabbit, redis
        self.broker = Broker(rabbit.url)
        self.broker.serve()
        self.gateway = RunningGateway(folder, redis_url=redis.url, amqp_url=rabbit.url)


@pytest.fixture(scope="module")
def nodes(
    make_rabbitmq: Callable[[], Rabbit], make_redis: Callable[[], Redis]
) -> Iterator[tuple[Rabbit, Redis]]:
    """Nodes of this module's own: a RabbitMQ takes longer to start than a test to break it."""
    rabbit, redis = make_rabbitmq(), make_redis()
    try:
        rabbit.start()
        redis.start()
        yield rabbit, redis
    finally:
        rabbit.wipe()
        redis.wipe()


@pytest.fixture
def house(tmp_path: Path, nodes: tuple[Rabbit, Redis]) -> Iterator[Outage]:
    outage = Outage(tmp_path, *nodes)
    outage.redis.flush()
    outage.broker.jobs()
    yield outage
    outage.rabbit.thaw()
    outage.redis.thaw()
    outage.gateway.kill()


async def submit(http: httpx.AsyncClient, **headers: str) -> tuple[httpx.Response, float]:
    started = time.monotonic()
    spelled = {name.replace("_", "-"): value for name, value in headers.items()}
    answer = await http.post("/v1/jobs", json=A_JOB, headers=spelled)
    return answer, time.monotonic() - started


async def accepted(http: httpx.AsyncClient, **headers: str) -> dict[str, object]:
    """Repeat until 202."""

    async def ask() -> dict[str, object]:
        answer, _ = await submit(http, **headers)
        assert answer.status_code == 202, answer.text
        job: dict[str, object] = answer.json()
        return job

    return await eventually_async(ask, within=30)


async def test_with_the_broker_frozen_a_submit_is_503_and_its_repeat_is_the_same_job(
    house: Outage,
) -> None:
    house.gateway.start()
    await house.gateway.until_ready()
    async with house.gateway.client() as http:
        house.rabbit.freeze()
        (keyed, took), (bare, bare_took) = await asyncio.gather(
            submit(http, idempotency_key="k"), submit(http)
        )
        unready = await http.get("/ready")
        house.rabbit.thaw()
        again = await accepted(http, idempotency_key="k")

        assert (keyed.status_code, bare.status_code) == (503, 503)
        assert max(took, bare_took) < PROMISE_SECONDS
        assert unready.status_code == 503
        assert "does not confirm" in unready.json()["checks"]["broker"]
        assert await eventually_async(lambda: is_ready(http), within=15)
        assert int(keyed.headers["retry-after"]) > 0
        assert again["id"] == keyed.json()["job_id"]
        assert bare.json()["withdrawn"] is True
        # the frozen broker may have taken the withdrawn one as well: its claim finds it cancelled
        assert set(eventually(house.broker.jobs)) <= {again["id"], bare.json()["job_id"]}
        state = (await http.get(f"/v1/jobs/{bare.json()['job_id']}")).json()["state"]
        assert state == "cancelled"


async def test_with_redis_frozen_every_call_is_503_and_comes_back(house: Outage) -> None:
    house.gateway.start()
    await house.gateway.until_ready()
    async with house.gateway.client() as http:
        before = (await submit(http))[0].json()["id"]
        house.redis.freeze()
        answers = await asyncio.gather(
            submit(http), submit(http, idempotency_key="k"), timed(http, f"/v1/jobs/{before}")
        )
        unready = await http.get("/ready")
        house.redis.thaw()

        assert [answer.status_code for answer, _ in answers] == [503] * 3
        assert all(took < PROMISE_SECONDS for _, took in answers)
        assert all(int(answer.headers["retry-after"]) > 0 for answer, _ in answers)
        assert unready.status_code in {200, 503}
        assert await accepted(http)
        assert (await http.get(f"/v1/jobs/{before}")).status_code == 200


async def test_a_killed_broker_is_503_at_once_and_comes_back(house: Outage) -> None:
    house.gateway.start()
    await house.gateway.until_ready()
    house.rabbit.sync()
    async with house.gateway.client() as http:
        house.rabbit.kill()
        answer, took = await submit(http)
        assert answer.status_code == 503
        assert took < PROMISE_SECONDS

        house.rabbit.start()
        assert await accepted(http)


async def test_a_gateway_that_dies_before_the_publish_leaves_a_job_that_is_published(
    house: Outage,
) -> None:
    house.gateway.start()
    await house.gateway.until_ready()
    async with house.gateway.client() as http:
        house.rabbit.freeze()
        submitting = asyncio.create_task(submit(http, idempotency_key="k"))
        job = await eventually_async(lambda: the_only_job(http))
        house.gateway.kill()
        with pytest.raises(httpx.TransportError):
            await submitting

    house.rabbit.thaw()
    house.broker.jobs()  # what the dead one may still have sent
    house.gateway.start()

    assert eventually(house.broker.jobs, within=25) == [job]


async def test_it_starts_without_its_nodes_says_so_and_does_not_mind(
    tmp_path: Path, new_redis: Callable[[], Redis]
) -> None:
    nowhere = f"amqp://guest:guest@127.0.0.1:{free_port()}/%2F"
    gateway = RunningGateway(tmp_path, redis_url=new_redis().url, amqp_url=nowhere)
    gateway.start()
    try:
        await eventually_async(lambda: says(gateway, "broker", "RabbitMQ"))
        assert gateway.get("/live").status_code == 200
    finally:
        assert gateway.stop() == 0


async def is_ready(http: httpx.AsyncClient) -> bool:
    return (await http.get("/ready")).status_code == 200


async def the_only_job(http: httpx.AsyncClient) -> str | None:
    jobs = (await http.get("/v1/jobs")).json()["data"]
    return str(jobs[0]["id"]) if jobs else None


async def timed(http: httpx.AsyncClient, path: str) -> tuple[httpx.Response, float]:
    started = time.monotonic()
    return await http.get(path), time.monotonic() - started


async def says(gateway: RunningGateway, check: str, words: str) -> bool:
    ready = await asyncio.to_thread(gateway.get, "/ready")
    return ready.status_code == 503 and words in ready.json()["checks"][check]


@pytest.mark.parametrize(
    ("setting", "value"), [("TOKEN_SECRET", "short"), ("AMQP_URL", "amqp://secret@host:port/")]
)
def test_a_setting_that_is_wrong_is_one_clear_line(setting: str, value: str) -> None:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("WAYMARK_")}
    done = subprocess.run(
        [sys.executable, "-m", "services.gateway"],
        env=clean | {"WAYMARK_TOKEN_SECRET": TOKEN_SECRET, f"WAYMARK_{setting}": value},
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 2
    [line] = done.stderr.splitlines()
    assert line.startswith(f"waymark: WAYMARK_{setting}: ")
    assert "secret" not in line
