"""The release before this one beside it in one house: an upgrade under load, and the way back."""

import asyncio
import io
import subprocess
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local.service import REPO, Service
from tests.faults.sabotage import PACKAGES
from tests.faults.stage import BOTH_WORKERS, Stage

OLDER = "c82eb08"  # before jobs carried their trace context and spans
READERS_FIRST = ("notifier", *BOTH_WORKERS, "gateway")
SIDE_BY_SIDE_SECONDS = 3.0  # in which jobs go from each to each
BETWEEN_SECONDS = 0.2


@pytest.fixture
def older(nodes_folder: Path) -> Path:
    folder = nodes_folder / "older"
    if not folder.exists():
        archive = subprocess.run(
            ["git", "archive", OLDER, *PACKAGES], cwd=REPO, capture_output=True, check=False
        )
        if archive.returncode:
            pytest.skip(f"no history here that goes back to {OLDER}: {archive.stderr.decode()}")
        with tarfile.open(fileobj=io.BytesIO(archive.stdout)) as packed:
            packed.extractall(folder, filter="data")
    return folder


def code_of(service: Service) -> Path:
    return Path(f"/proc/{service.pid}/cwd").readlink()


@pytest.mark.slow
@pytest.mark.parametrize("forward", [True, False], ids=["upgrade", "way-back"])
async def test_two_versions_side_by_side_lose_nothing_and_charge_nobody(
    new_stage: Callable[..., Stage], older: Path, *, forward: bool
) -> None:
    before, after = (older, REPO) if forward else (REPO, older)
    stage = await asyncio.to_thread(new_stage, code=before, workers=2)
    successor = Stage(stage.house.root, code=after, workers=2)
    successor.house.ports = stage.house.ports
    short: list[str] = []
    flaky: list[str] = []
    rolled = asyncio.Event()

    async def deploy(name: str) -> None:
        await asyncio.to_thread(stage.house.service(name).stop)
        await asyncio.to_thread(successor.house.service(name).start)
        assert code_of(successor.house.service(name)) == after.resolve()

    async with stage.client() as http:

        async def keep_submitting() -> None:
            while not rolled.is_set():
                short.append(await stage.submit(http, seconds=0.3))
                flaky.append(await stage.submit(http, seconds=0.1, fail_times=1, crash_times=1))
                await asyncio.sleep(BETWEEN_SECONDS)

        async def roll() -> None:
            for name in READERS_FIRST:
                await deploy(name)
                await asyncio.sleep(SIDE_BY_SIDE_SECONDS)
            rolled.set()

        long = await stage.submit_many(http, 3, seconds=20)
        async with asyncio.TaskGroup() as tasks:
            tasks.create_task(keep_submitting())
            tasks.create_task(roll())

        assert len(short) > 20
        assert await stage.verdict(http, [*short, *flaky, *long], within=120) == []
        for jobs, attempt in (([*short, *long], 1), (flaky, 3)):
            for job in jobs:
                record = await stage.gateway.read(http, job)
                assert (record["state"], record["attempt"]) == ("succeeded", attempt), record
