"""clients/js under `node --test`: with its fake notifier, and with a real one that is killed."""

import asyncio
import json
import os
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

from shared.adapters.store_redis import AsyncRedisStore
from tests.browser.balancer import balancing
from tests.eventually import eventually_async
from tests.moving_jobs import MovingJob
from tests.notifier_process import NotifierProcess, token_for

CLIENT = Path(__file__).parents[2] / "clients" / "js"
REAL = CLIENT / "tests" / "real" / "notifier.test.js"
CYCLES = 5
FOLLOWERS = 3  # connections that notifier.test.js opens
SUBSCRIPTIONS = 3  # that it has over them
LONGEST_MODULE = 300
LONGEST_TEST = 400


@pytest.fixture
def notifier(redis_url: str, tmp_path: Path) -> Iterator[NotifierProcess]:
    it = NotifierProcess(redis_url, tmp_path / "log")
    it.start()
    yield it
    it.kill()


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[AsyncRedisStore]:
    it = AsyncRedisStore(redis_url)
    yield it
    await it.close()


def test_the_client_keeps_its_promises_in_every_node(nodes: list[str]) -> None:
    files = sorted(str(file) for file in (CLIENT / "tests").glob("*.test.js"))
    assert nodes, "playwright brings one"

    for node in nodes:
        done = _run([node, "--test", "--test-reporter=tap", *files])
        assert done.returncode == 0, done.stdout[-8_000:]
        assert _passed(done.stdout) > 40


async def test_a_killed_notifier_costs_the_client_no_step(
    nodes: list[str], notifier: NotifierProcess, store: AsyncRedisStore
) -> None:
    job = MovingJob(store)
    await job.submit()
    ways = [(_with_websocket(node), "websocket") for node in nodes] + [([nodes[0]], "sse")]
    async with asyncio.TaskGroup() as group:
        following = [
            group.create_task(asyncio.to_thread(_follow, node, way, notifier.url, job.id))
            for node, way in ways
        ]
        group.create_task(_live(job, notifier, len(ways)))

    for done in (each.result() for each in following):
        assert done.returncode == 0, done.stdout[-8_000:]
        told = _followed(done.stdout)
        assert [step for step, _ in told["steps"]] == list(range(1, job.steps + 1))
        assert told["progress"] > 0
        assert told["states"].count("live") >= 2  # it was killed in between


async def test_a_deploy_of_the_notifier_leaves_nobody_without_a_stream(
    nodes: list[str], redis_url: str, tmp_path: Path, store: AsyncRedisStore
) -> None:
    old, new = (NotifierProcess(redis_url, tmp_path / name) for name in ("old", "new"))
    job = MovingJob(store)
    await job.submit()
    try:
        await asyncio.gather(*(asyncio.to_thread(each.start) for each in (old, new)))
        async with balancing(old.port) as balancer, asyncio.TaskGroup() as group:
            url = f"ws://127.0.0.1:{balancer.port}/v1/stream"
            node = _with_websocket(nodes[-1])
            told = group.create_task(asyncio.to_thread(_follow, node, "websocket", url, job.id))
            await eventually_async(lambda: asyncio.sleep(0, balancer.opened >= FOLLOWERS))
            balancer.leads_to = new.port
            going = group.create_task(asyncio.to_thread(old.stop))
            while not going.done():
                await _one_attempt(job)
            await job.start()
            await job.succeed()
    finally:
        old.kill()
        new.kill()

    assert told.result().returncode == 0, told.result().stdout[-8_000:]
    followed = _followed(told.result().stdout)
    assert [step for step, _ in followed["steps"]] == list(range(1, job.steps + 1))
    assert followed["states"] == ["connecting", "auth", "live", "live", "closed"]


def test_its_modules_stay_small_and_say_what_they_are() -> None:
    modules = [*CLIENT.rglob("*.js"), *(CLIENT.parent / "page").rglob("*.js")]
    too_long = [file.name for file in modules if len(file.read_text().splitlines()) > _most(file)]
    silent = [
        file.name
        for file in modules
        if "tests" not in file.parts and not file.read_text().startswith("/**")
    ]

    assert modules
    assert not too_long
    assert not silent


def test_what_it_exports_has_types() -> None:
    exports = json.loads((CLIENT / "package.json").read_text())["exports"]
    for entry in exports.values():
        source, types = ((CLIENT / entry[kind]).read_text() for kind in ("default", "types"))
        names = set(
            re.findall(r"^export (?:async )?(?:function|class|const) (\w+)", source, re.MULTILINE)
        )
        for listed in re.findall(r"^export (?:const )?\{([^}]+)\}", source, re.MULTILINE):
            names |= set(re.findall(r"\w+", listed))

        assert names
        assert {name for name in names if not re.search(rf"\b{name}\b", types)} == set()


def _with_websocket(node: str) -> list[str]:
    command = [node, "-p", "typeof WebSocket"]
    has_one = _run(command).stdout.strip() == "function"
    return [node] if has_one else [node, "--experimental-websocket"]  # before Node 22


def _follow(node: list[str], way: str, url: str, job: str) -> "subprocess.CompletedProcess[str]":
    told = {
        "WAYMARK_STREAM_URL": url,
        "WAYMARK_TOKEN": token_for([job]),
        "WAYMARK_FEED_TOKEN": token_for([], feed=True),
        "WAYMARK_JOB": job,
        "WAYMARK_WAY": way,
    }
    return _run([*node, "--test", "--test-reporter=tap", str(REAL)], **told)


async def _live(job: MovingJob, notifier: NotifierProcess, followers: int) -> None:
    await eventually_async(lambda: asyncio.to_thread(_are_there, notifier, followers), within=30)
    for cycle in range(CYCLES):
        if cycle == CYCLES // 2:
            await asyncio.to_thread(notifier.kill)
        await _one_attempt(job)
        if cycle == CYCLES // 2 + 1:
            await asyncio.to_thread(notifier.start)
    await job.start()
    await job.succeed()


def _are_there(notifier: NotifierProcess, followers: int) -> bool:
    """Whether each of them follows the job, and the feed with the job beside it."""
    counted = re.search(
        r"^waymark_notifier_subscriptions (\S+)", notifier.answer("/metrics")[1], re.MULTILINE
    )
    return counted is not None and float(counted[1]) >= SUBSCRIPTIONS * followers


async def _one_attempt(job: MovingJob) -> None:
    await job.start()
    for _ in range(5):
        await job.report()
        await asyncio.sleep(0.02)
    await job.fail_once()
    await asyncio.sleep(0.1)


def _most(file: Path) -> int:
    return LONGEST_TEST if "tests" in file.parts else LONGEST_MODULE


def _followed(output: str) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(re.findall(r"followed (\{.*\})", output)[0])
    return told


def _run(command: list[str], **told: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "NO_COLOR": "1", **told}
    return subprocess.run(
        command, cwd=CLIENT, env=environment, timeout=110, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def _passed(output: str) -> int:
    return int(re.findall(r"^# pass (\d+)", output, re.MULTILINE)[0])
