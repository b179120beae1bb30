"""clients/js under `node --test`: with its fake notifier, and with real ones that come and go."""

import asyncio
import json
import re
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from shared.adapters.store_redis import AsyncRedisStore
from tests.browser.balancer import balancing
from tests.browser.node_running import (
    CLIENT,
    are_there,
    follow,
    followed,
    nodes,
    run_tests,
    with_websocket,
)
from tests.eventually import eventually_async
from tests.moving_jobs import MovingJob
from tests.notifier_process import NotifierProcess

__all__ = ["nodes"]

LONGEST_MODULE = 300
LONGEST_TEST = 400


@pytest.fixture
async def store(redis_url: str) -> AsyncIterator[AsyncRedisStore]:
    it = AsyncRedisStore(redis_url)
    yield it
    await it.close()


def test_the_client_keeps_its_promises_in_every_node(nodes: list[str]) -> None:
    files = sorted((CLIENT / "tests").glob("*.test.js"))
    assert nodes, "playwright brings one"

    for node in nodes:
        done = run_tests([node], *files)
        assert done.returncode == 0, done.stdout[-8_000:]
        assert int(re.findall(r"^# pass (\d+)", done.stdout, re.MULTILINE)[0]) > 60


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
            node = with_websocket(nodes[-1])
            told = group.create_task(asyncio.to_thread(follow, node, "websocket", url, job.id))
            await eventually_async(lambda: asyncio.to_thread(are_there, old), within=30)
            balancer.leads_to = new.port
            going = group.create_task(asyncio.to_thread(old.stop))
            while not going.done():
                await job.live_through_one()
            await job.start()
            await job.succeed()
    finally:
        old.kill()
        new.kill()

    seen = followed(told.result())
    assert [step for step, _ in seen["steps"]] == list(range(1, job.steps + 1))
    assert seen["states"] == ["connecting", "auth", "live", "live", "closed"]


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


def _most(file: Path) -> int:
    return LONGEST_TEST if "tests" in file.parts else LONGEST_MODULE
