"""Stages: one that every fault leaves healed again, and others of a test's own."""

import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path

import httpx
import pytest

from deploy.local.service import REPO
from tests.faults.stage import Stage


@pytest.fixture(scope="session")
def common_stage(nodes_folder: Path) -> Iterator[Stage]:
    """One house with two workers for all faults that can be healed."""
    built = Stage(Path(tempfile.mkdtemp(prefix="stage-", dir=nodes_folder)))
    try:
        built.house.start()
        yield built
    finally:
        built.house.kill()


@pytest.fixture
def stage(common_stage: Stage) -> Iterator[Stage]:
    """The common house, whole before the fault and healed after it."""
    common_stage.heal()
    yield common_stage
    common_stage.heal()


@pytest.fixture
async def http(stage: Stage) -> AsyncIterator[httpx.AsyncClient]:
    """Connections to its gateway with the tenant's key."""
    async with stage.client() as client:
        yield client


@pytest.fixture
def new_stage(nodes_folder: Path) -> Iterator[Callable[..., Stage]]:
    """Call it for a started stage of this test's own: `new_stage(code=…, WAYMARK_…="…")`."""
    stages: list[Stage] = []

    def start_one(*, code: Path = REPO, workers: int = 1, **settings: str) -> Stage:
        folder = Path(tempfile.mkdtemp(prefix="stage-", dir=nodes_folder))
        stages.append(Stage(folder, code=code, workers=workers, **settings))
        stages[-1].house.start()
        return stages[-1]

    try:
        yield start_one
    finally:
        for each in stages:
            each.house.kill()
