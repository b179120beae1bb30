"""Three RabbitMQ nodes that are one cluster, on one machine; and a stage whose house uses one."""

import asyncio
import secrets
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from itertools import pairwise
from pathlib import Path

import httpx

from deploy.local.errors import HouseError
from deploy.local.ports import free_ports
from deploy.local.process import Process
from deploy.local.rabbitmq import RabbitNode, RabbitPorts
from services.worker.intake.declaring import declare
from shared.contracts.topology import house_topology, work_topology
from tests.eventually import eventually
from tests.faults.mailman import WORK_QUEUE, channel
from tests.faults.stage import Stage
from tests.faults.test_gateway_faults import knock

NET_TICK_SECONDS = 10
NODES = 3
WRONG_COOKIE = "nobodys"


class ClusterNode(RabbitNode):
    """A node that shares its name server and its cookie with the others."""

    def __init__(self, folder: Path, *, ports: RabbitPorts, cookie: str) -> None:
        super().__init__(folder, ports=ports)
        self._cookie = cookie

    def cut_off(self) -> None:
        """Part it from the other nodes; its clients stay connected."""
        cut = "[erlang:disconnect_node(Other) || Other <- nodes()]"
        self.ctl("eval", f"erlang:set_cookie(node(), {WRONG_COOKIE}), {cut}, ok.")

    def rejoin(self) -> None:
        """End the partition."""
        back = f"erlang:set_cookie(node(), '{self._cookie}'), ok."
        self.ctl("--erlang-cookie", WRONG_COOKIE, "eval", back)

    def _write_files(self) -> None:
        super()._write_files()
        with (self.folder / "rabbitmq.conf").open("a") as conf:
            conf.write(f"net_ticktime = {NET_TICK_SECONDS}\n")
            conf.write("cluster_partition_handling = pause_minority\n")
        cookie = self.folder / ".erlang.cookie"
        cookie.unlink(missing_ok=True)
        cookie.write_text(self._cookie)
        cookie.chmod(0o400)

    def _start_epmd(self) -> None:
        """Leave it to the cluster: it outlives each of its nodes."""


class Cluster:
    """The first node is for the house; the second leads every queue, and is there to be broken."""

    def __init__(self, folder: Path) -> None:
        epmd, *ports = free_ports(1 + 2 * NODES)
        cookie = secrets.token_hex(16)
        self.nodes = [
            ClusterNode(
                folder / f"rabbit-{n}",
                ports=RabbitPorts(amqp=ports[2 * n], distribution=ports[2 * n + 1], epmd=epmd),
                cookie=cookie,
            )
            for n in range(NODES)
        ]
        self._epmd = Process("epmd", run=folder, log=folder / "epmd.log")

    @property
    def near(self) -> ClusterNode:
        return self.nodes[0]

    @property
    def leader(self) -> ClusterNode:
        return self.nodes[1]

    def start(self) -> None:
        first, *rest = self.nodes
        first.folder.mkdir(parents=True)
        program = shutil.which("epmd")
        assert program is not None, "Erlang brings epmd"
        self._epmd.start([program, "-port", str(first.ports.epmd)], env=first.env)
        first.start()
        for node in rest:
            node.start()
            for order in (["stop_app"], ["join_cluster", first.node_name], ["start_app"]):
                node.ctl(*order, within=60)
        with channel(self.leader.url) as declaring:  # a queue is led where it was declared
            declare(declaring, house_topology())
            declare(declaring, work_topology("default"))
        assert self.leads(WORK_QUEUE) == self.leader.node_name

    def leads(self, queue: str) -> str:
        """Return the name of the node that leads a queue."""
        told = self.near.ctl("list_queues", "--no-table-headers", "name", "leader")
        leaders = dict(line.split("\t") for line in told.splitlines() if "\t" in line)
        return leaders.get(queue, "")

    def whole_again(self) -> bool:
        """Whether every node sees all others and has a member of the work queue that is online.

        Raises:
            AssertionError: it is not; says what was seen.
        """
        asked = "{rabbit:is_running(), length(nodes())}."
        try:
            seen = [node.ctl("eval", asked).strip() for node in self.nodes]
            told = self.near.ctl("list_queues", "--no-table-headers", "name", "online")
        except (HouseError, subprocess.TimeoutExpired) as fault:
            raise AssertionError(str(fault)) from fault
        rows = [line for line in told.splitlines() if line.startswith(f"{WORK_QUEUE}\t")]
        assert seen == [f"{{true,{NODES - 1}}}"] * NODES, seen
        assert [row.count("@") for row in rows] == [NODES], rows
        return True

    def kill(self) -> None:
        for node in self.nodes:
            node.thaw()
            node.kill()
        self._epmd.kill()


class ClusterStage(Stage):
    """A stage whose gateway and worker speak to the node that stays."""

    def __init__(self, root: Path, cluster: Cluster) -> None:
        super().__init__(root, workers=1, WAYMARK_NODES="", WAYMARK_AMQP_URL=cluster.near.url)
        self.cluster = cluster

    @property
    def rabbitmq(self) -> RabbitNode:
        return self.cluster.near


@contextmanager
def clustered_stage(folder: Path) -> Iterator[ClusterStage]:
    """A started one, and whole."""
    cluster = Cluster(folder)
    stage = ClusterStage(folder / "house", cluster)
    try:
        cluster.start()
        stage.house.start()
        eventually(cluster.whole_again, within=60)
        yield stage
    finally:
        stage.house.kill()
        cluster.kill()


async def longest_gap(
    http: httpx.AsyncClient, seconds: float, accepted: list[str], *, enough: int = 5
) -> float:
    """Submit without a break for so long; return the longest time without a 202, in seconds."""
    times = [time.monotonic()]
    end = times[0] + seconds
    since_end = 0
    while time.monotonic() < end or since_end < enough:
        answer, _ = await knock(http, seconds=0.05)
        assert answer.status_code in {202, 503}, answer.text
        if answer.status_code == 202:
            accepted.append(answer.json()["id"])
            times.append(time.monotonic())
            since_end += times[-1] > end
            await asyncio.sleep(0.05)
        assert time.monotonic() < end + 15 * NET_TICK_SECONDS, "nothing is accepted any more"
    return max(later - earlier for earlier, later in pairwise(times))
