"""clients/js under `node --test`: with its fake notifier, and with a real one that is killed."""

import asyncio
import json
import os
import re
import subprocess
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import pytest

from shared.adapters.store_redis import AsyncRedisStore
from tests.moving_jobs import MovingJob
from tests.notifier_process import NotifierProcess, token_for

CLIENT = Path(__file__).parents[2] / "clients" / "js"
REAL = CLIENT / "tests" / "real" / "notifier.test.js"
CYCLES = 8
LONGEST_MODULE = 300


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
            group.create_task(asyncio.to_thread(_follow, node, way, notifier, job.id))
            for node, way in ways
        ]
        group.create_task(_live(job, notifier))

    for done in (each.result() for each in following):
        assert done.returncode == 0, done.stdout[-8_000:]
        told = json.loads(re.findall(r"followed (\{.*\})", done.stdout)[0])
        assert [step for step, _ in told["steps"]] == list(range(1, job.steps + 1))
        assert told["progress"] > 0
        assert told["states"].count("live") >= 2  # it was killed in between


def test_its_modules_stay_small_and_say_what_they_are() -> None:
    modules = [*CLIENT.rglob("*.js"), *(CLIENT.parent / "page").rglob("*.js")]
    too_long = [
        file.name for file in modules if len(file.read_text().splitlines()) > LONGEST_MODULE
    ]
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


def _follow(
    node: list[str], way: str, notifier: NotifierProcess, job: str
) -> "subprocess.CompletedProcess[str]":
    told = {
        "WAYMARK_STREAM_URL": notifier.url,
        "WAYMARK_TOKEN": token_for([job]),
        "WAYMARK_FEED_TOKEN": token_for([], feed=True),
        "WAYMARK_JOB": job,
        "WAYMARK_WAY": way,
    }
    return _run([*node, "--test", "--test-reporter=tap", str(REAL)], **told)


async def _live(job: MovingJob, notifier: NotifierProcess) -> None:
    await asyncio.sleep(1.0)  # until Node is there, mostly: it must not matter
    for cycle in range(CYCLES):
        await job.start()
        for _ in range(5):
            await job.report()
            await asyncio.sleep(0.02)
        if cycle == CYCLES // 2:
            await asyncio.to_thread(notifier.kill)
        await job.fail_once()
        await asyncio.sleep(0.1)
        if cycle == CYCLES // 2 + 1:
            await asyncio.to_thread(notifier.start)
    await job.start()
    await job.succeed()


def _run(command: list[str], **told: str) -> "subprocess.CompletedProcess[str]":
    environment = {**os.environ, "NO_COLOR": "1", **told}
    return subprocess.run(
        command, cwd=CLIENT, env=environment, timeout=110, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def _passed(output: str) -> int:
    return int(re.findall(r"^# pass (\d+)", output, re.MULTILINE)[0])
