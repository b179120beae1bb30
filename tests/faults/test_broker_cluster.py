"""Q4: of three RabbitMQ nodes the one that leads every queue dies, freezes or is cut off."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from tempfile import mkdtemp

import pytest

from deploy.local.errors import HouseError
from deploy.local.rabbitmq import script
from tests.eventually import eventually
from tests.faults.cluster import NET_TICK_SECONDS, ClusterStage, clustered_stage, longest_gap
from tests.faults.mailman import WORK_QUEUE

pytestmark = pytest.mark.slow

MOST_GAP_SECONDS = 1.5 * NET_TICK_SECONDS
HEALING_SECONDS = 90.0


@pytest.fixture
def clustered(nodes_folder: Path) -> Iterator[ClusterStage]:
    try:
        script("rabbitmq-server")
    except HouseError as missing:
        pytest.skip(f"three nodes on one machine are processes: {missing}")
    with clustered_stage(Path(mkdtemp(prefix="cluster-", dir=nodes_folder))) as stage:
        yield stage


@pytest.mark.parametrize("fault", ["killed", "frozen", "cut off"])
async def test_q4_a_leader_that_is_lost_loses_no_job_and_stops_submits_for_15_s_at_most(
    clustered: ClusterStage, fault: str
) -> None:
    cluster = clustered.cluster
    victim = cluster.leader
    break_it, mend_it = {
        "killed": (victim.kill, victim.start),
        "frozen": (victim.freeze, victim.thaw),
        "cut off": (victim.cut_off, victim.rejoin),
    }[fault]
    async with clustered.client() as http:
        running = await clustered.submit_many(http, 3, seconds=8)
        flaky = await clustered.submit_many(http, 3, seconds=0.1, fail_times=2)  # on the ladder
        for job in running:
            await clustered.run_of(job)
        accepted: list[str] = []
        await asyncio.to_thread(break_it)
        gap = await longest_gap(http, 2 * NET_TICK_SECONDS, accepted)
        led_by = await asyncio.to_thread(cluster.leads, WORK_QUEUE)
        await asyncio.to_thread(mend_it)
        await asyncio.to_thread(eventually, cluster.whole_again, HEALING_SECONDS)

        assert len(accepted) > 20
        assert gap < MOST_GAP_SECONDS, gap
        assert led_by in {node.node_name for node in cluster.nodes if node is not victim}
        assert await clustered.verdict(http, [*running, *flaky, *accepted], within=90) == []
    assert all(len(clustered.witness.runs(job)) == 1 for job in running)
