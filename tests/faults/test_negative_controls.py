"""A suite that cannot fail proves nothing: without fence, freeze, confirm or outbox, it fails.

Each scene is played twice: with the code as it is no flaw may be found, and with one rule switched
off (in a copy of the code) the very flaw that the rule prevents.
"""

import asyncio
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.faults.arming import SHORT_LEASE, Arming
from tests.faults.sabotage import (
    NO_CONFIRM,
    NO_FENCE,
    NO_FREEZE,
    NO_OUTBOX,
    Patch,
    copy_of_the_code,
)
from tests.faults.stage import Stage
from tests.faults.test_gateway_faults import knock

pytestmark = pytest.mark.slow

Patches = tuple[Patch, ...]
SOON_SECONDS = 30.0  # sooner than the rule that heals whatever is overdue for a minute


@pytest.fixture
def folder(nodes_folder: Path) -> Path:
    return Path(tempfile.mkdtemp(prefix="control-", dir=nodes_folder))


@pytest.fixture
def new_arming(folder: Path) -> Iterator[Callable[..., Arming]]:
    armings: list[Arming] = []

    def start_one(*patches: Patch) -> Arming:
        armings.append(Arming(folder, *patches))
        armings[-1].stage.house.start()
        return armings[-1]

    try:
        yield start_one
    finally:
        for each in armings:
            each.stage.house.kill()


async def a_worker_stands_still_and_wakes_beside_its_successor(stage: Stage) -> list[str]:
    """Freeze the only worker that has the job; thaw it while its successor runs the job."""
    async with stage.client() as http:
        job = await stage.submit(http, seconds=10)
        first = await stage.run_of(job)
        victim = stage.house.service(stage.worker_of(first))
        victim.freeze()
        await stage.run_of(job, within=30, after=first.started + 0.001)
        await asyncio.sleep(1)
        victim.thaw()
        return await stage.verdict(http, [job], within=60)


async def a_frozen_broker_is_killed_after_submits(stage: Stage) -> list[str]:
    """Submit to a frozen broker and kill it: what was answered with 202 must come to its end."""
    async with stage.client() as http:
        stage.rabbitmq.sync()
        stage.rabbitmq.freeze()
        answers = await asyncio.gather(*(knock(http, key=f"control-{n}") for n in range(3)))
        accepted = [a.json()["id"] for a, _ in answers if a.status_code == 202]
        await asyncio.to_thread(stage.rabbitmq.kill)
        await asyncio.to_thread(stage.heal)
        return await stage.verdict(http, accepted, within=SOON_SECONDS)


async def a_worker_dies_between_a_retry_and_its_message(arming: Arming) -> list[str]:
    """Let the record say `retrying` while nobody has published the next message."""
    stage = arming.stage
    async with stage.client() as http:
        arming.arm("worker after Retry that publishes")
        job = await stage.submit(http, fail_times=1)
        await asyncio.to_thread(arming.wait_dead, "worker")
        await asyncio.to_thread(stage.heal)
        return await stage.verdict(http, [job], within=SOON_SECONDS)


@pytest.mark.parametrize(
    ("patches", "expected"),
    [((), None), (NO_FENCE, "overlap"), (NO_FREEZE, "overlap")],
    ids=["as it is", "no fence", "no freeze"],
)
async def test_a_worker_that_wakes_up_late_needs_fence_and_freeze(
    new_stage: Callable[..., Stage], folder: Path, patches: Patches, expected: str | None
) -> None:
    code = copy_of_the_code(folder / "code", *patches)
    stage = new_stage(code=code, workers=2, WAYMARK_SLOTS="1", **SHORT_LEASE)

    judge(await a_worker_stands_still_and_wakes_beside_its_successor(stage), expected)


@pytest.mark.parametrize(
    ("patches", "expected"),
    [((), None), (NO_CONFIRM, "lost, it was accepted")],
    ids=["as it is", "no confirm"],
)
async def test_a_202_needs_the_confirm(
    new_stage: Callable[..., Stage], folder: Path, patches: Patches, expected: str | None
) -> None:
    stage = new_stage(code=copy_of_the_code(folder / "code", *patches))

    judge(await a_frozen_broker_is_killed_after_submits(stage), expected)


@pytest.mark.parametrize(
    ("patches", "expected"),
    [((), None), (NO_OUTBOX, "lost, it was accepted")],
    ids=["as it is", "no outbox"],
)
async def test_a_retry_needs_the_outbox(
    new_arming: Callable[..., Arming], patches: Patches, expected: str | None
) -> None:
    judge(await a_worker_dies_between_a_retry_and_its_message(new_arming(*patches)), expected)


def judge(found: list[str], expected: str | None) -> None:
    if expected is None:
        assert found == []
    else:
        assert any(expected in flaw for flaw in found), found
