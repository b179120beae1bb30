"""Two real gateways on one Redis: keys made and taken back, rates that hold for both."""

import asyncio
import os
import signal
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import redis

from services.gateway.rate.turnstile import FAILURES
from tests.eventually import eventually
from tests.fakes.gateway import as_key
from tests.integration.gateway_running import A_JOB, Broker, RunningGateway
from tests.nodes import Rabbit, Redis

RATE = {"WAYMARK_RATE_LIMIT": "20", "WAYMARK_RATE_BURST": "100"}
WANTED = {"scopes": ["submit", "read"]}
MADE: list[str] = []  # every key that a test here was given
REVOKED_WITHIN = 2.0  # seconds, on every gateway


@pytest.fixture(scope="module")
def node(make_redis: Callable[[], Redis]) -> Iterator[Redis]:
    node = make_redis()
    node.start()
    yield node
    node.wipe()


@pytest.fixture(scope="module")
def gateways(
    rabbitmq: Rabbit, node: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[list[RunningGateway]]:
    amqp_url = rabbitmq.new_vhost("test-gateway-keys")
    Broker(amqp_url).serve()
    folder = tmp_path_factory.mktemp("gateways")
    both = [
        RunningGateway(folder / name, redis_url=node.url, amqp_url=amqp_url, **RATE)
        for name in ("one", "two")
    ]
    with ThreadPoolExecutor() as pool:
        list(pool.map(RunningGateway.start, both))
    for gateway in both:
        asyncio.run(gateway.until_ready())
    yield both
    logs = "".join(gateway.log.read_text() for gateway in both)
    for gateway in both:
        gateway.kill()
    assert "stored_keys_read" in logs
    assert not [key for key in MADE if key.split("_")[2] in logs]


@pytest.fixture
async def sre(gateways: list[RunningGateway]) -> AsyncIterator[httpx.AsyncClient]:
    async with gateways[0].client() as client:
        client.headers["authorization"] = as_key("sre")
        yield client


async def made(sre: httpx.AsyncClient, **members: Any) -> Any:
    tenant = f"tenant-{len(MADE)}"  # with a full bucket
    answer = await sre.post("/v1/keys", json={"tenant": tenant, **WANTED, **members})
    assert answer.status_code == 201, answer.text
    MADE.append(answer.json()["key"])
    return answer.json()


def ask(gateway: RunningGateway, key: str, path: str = "/v1/jobs") -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"}
    return httpx.get(f"{gateway.url}{path}", headers=headers, trust_env=False, timeout=10)


def submit(gateway: RunningGateway, key: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {key}"}
    url = f"{gateway.url}/v1/jobs"
    return httpx.post(url, json=A_JOB, headers=headers, trust_env=False, timeout=10)


async def test_a_key_works_on_every_gateway_as_soon_as_it_is_made(
    gateways: list[RunningGateway], sre: httpx.AsyncClient
) -> None:
    for _ in range(5):
        key = (await made(sre))["key"]
        assert [ask(gateway, key).status_code for gateway in gateways[::-1]] == [200, 200]


async def test_a_revoked_key_and_its_tokens_are_refused_everywhere_within_two_seconds(
    gateways: list[RunningGateway], sre: httpx.AsyncClient
) -> None:
    key = await made(sre)
    headers = {"authorization": f"Bearer {key['key']}"}
    job = (await sre.post("/v1/jobs", json=A_JOB, headers=headers)).json()
    path, token = f"/v1/jobs/{job['id']}", job["access"]["token"]
    other = gateways[1]
    assert ask(other, token, path).status_code == ask(other, key["key"]).status_code == 200

    await sre.post(f"/v1/keys/{key['id']}/revoke")
    revoked = time.monotonic()
    eventually(lambda: ask(other, key["key"]).status_code == 401)
    eventually(lambda: ask(other, token, path).status_code == 401)

    assert time.monotonic() - revoked < REVOKED_WITHIN
    assert ask(other, token, path).json()["code"] == "token-revoked"


def test_the_command_line_makes_lists_rotates_and_revokes(
    gateways: list[RunningGateway],
) -> None:
    def waymark(*words: str) -> str:
        clean = {k: v for k, v in os.environ.items() if not k.startswith("WAYMARK_")}
        ended = subprocess.run(
            [sys.executable, "-m", "clients.cli", *words],
            env=clean
            | {
                "WAYMARK_URL": gateways[0].url,
                "WAYMARK_PLATFORM_KEY": "wm_sre_sre-secret",
                "WAYMARK_API_KEY": "wm_dev_dev-secret",
            },
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert ended.returncode == 0, ended.stderr
        return ended.stdout.strip()

    old = waymark("keys", "create", "--tenant", "cli", "--scopes", "read")
    key = old.split("_")[1]
    new = waymark("keys", "rotate", key, "--overlap", "1h")
    assert [ask(gateways[1], one).status_code for one in (old, new)] == [200, 200]

    waymark("keys", "revoke", key, "--reason", "a test")

    assert "revoked" in waymark("keys", "list", "--tenant", "cli")
    assert "a test" in waymark("audit", "--tenant", "cli", "--action", "key.revoke")
    eventually(lambda: ask(gateways[1], new).status_code == 401)


async def test_who_guesses_through_a_proxy_is_told_apart_by_the_address_it_names(
    gateways: list[RunningGateway],
) -> None:
    async with gateways[0].client() as http:
        http.headers["authorization"] = "Bearer nonsense"

        async def status(address: str) -> int:
            return (await http.get("/v1/jobs", headers={"x-forwarded-for": address})).status_code

        guesses = [await status("203.0.113.7") for _ in range(FAILURES.burst + 50)]

        assert guesses[0] == 401
        assert 429 in guesses
        assert await status("203.0.113.8") == 401


async def test_both_gateways_together_keep_one_rate(
    gateways: list[RunningGateway], sre: httpx.AsyncClient
) -> None:
    """A hundred at once and twenty a second; each gateway may add a grant of one."""
    key = (await made(sre))["key"]
    started = time.monotonic()

    async def hammer(gateway: RunningGateway) -> list[int]:
        async with gateway.client() as http:
            http.headers["authorization"] = f"Bearer {key}"
            return [(await http.get("/v1/jobs?limit=1")).status_code for _ in range(60)]

    rounds = await asyncio.gather(*(hammer(one) for one in gateways for _ in range(4)))

    seconds = time.monotonic() - started
    statuses = [status for found in rounds for status in found]
    assert set(statuses) == {200, 429}
    assert 100 <= statuses.count(200) <= 100 + 20 * seconds + 2 * 1 + 1


async def test_a_wiped_store_leaves_the_keys_of_the_file(
    gateways: list[RunningGateway], sre: httpx.AsyncClient, node: Redis
) -> None:
    key = (await made(sre))["key"]
    with redis.Redis.from_url(node.url) as client:
        client.flushall()

    eventually(lambda: {ask(gateway, key).status_code for gateway in gateways} == {401})
    assert {ask(gateway, "wm_dev_dev-secret").status_code for gateway in gateways} == {200}


async def test_while_the_store_is_frozen_nobody_waits_long_and_nobody_is_locked_out(
    gateways: list[RunningGateway], sre: httpx.AsyncClient, node: Redis
) -> None:
    key = (await made(sre))["key"]
    types = "/v1/types"  # answered from what the gateway knows
    assert ask(gateways[1], key, types).status_code == 200
    with redis.Redis.from_url(node.url) as client:
        pid = int(client.info("server")["process_id"])
    os.kill(pid, signal.SIGSTOP)
    try:
        started = time.monotonic()
        known = [ask(gateways[1], one, types) for one in (key, "wm_dev_dev-secret")]
        unknown = ask(gateways[1], "wm_nobody_guess")
        submitted = submit(gateways[1], key)
        took = time.monotonic() - started
    finally:
        os.kill(pid, signal.SIGCONT)

    assert [answer.status_code for answer in known] == [200, 200]
    assert {unknown.status_code, submitted.status_code} == {503}
    assert took < 6  # four requests; each at most three
    eventually(lambda: ask(gateways[1], key).status_code == 200)
