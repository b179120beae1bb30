"""A whole house of a test's own: real nodes, real processes, free ports."""

import os
from collections.abc import AsyncIterator, Iterator, Mapping
from pathlib import Path

import httpx
import pytest

from deploy.local.house import House, Ports
from tests.collector import Collector, collecting
from tests.e2e.outside import Gateway

SLOTS = "4"
SHORT_DRAIN = "5"


def clean_env(extra: Mapping[str, str]) -> dict[str, str]:
    """This process's environment without any WAYMARK_ setting, with private nodes and `extra`."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("WAYMARK_")}
    return {
        **ours,
        "WAYMARK_NODES": "private",
        "WAYMARK_SLOTS": SLOTS,
        "WAYMARK_DRAIN_SECONDS": SHORT_DRAIN,
        "WAYMARK_WEBHOOK_ALLOW": "http://127.0.0.1:*",
        **extra,
    }


@pytest.fixture(scope="session")
def collector() -> Iterator[Collector]:
    """Where the house sends its spans."""
    with collecting() as started:
        yield started


@pytest.fixture(scope="session")
def house(nodes_folder: Path, collector: Collector) -> Iterator[House]:
    """One house for all tests that leave it standing or set it up again."""
    root = nodes_folder / "house"
    env = clean_env(
        {
            "WAYMARK_OTLP_URL": collector.url,
            "WAYMARK_LOG_LEVEL": "DEBUG",
            "WAYMARK_JOBS": "leaky_jobs",
            "PYTHONPATH": str(Path(__file__).parent),
        }
    )
    built = House(root, env=env, ports=Ports.free())
    try:
        built.start()
        yield built
    finally:
        built.kill()


@pytest.fixture
def gateway(house: House) -> Gateway:
    """The house's front door, with the tenant's key."""
    return Gateway(house.url, house.keys.tenant)


@pytest.fixture
async def http(gateway: Gateway) -> AsyncIterator[httpx.AsyncClient]:
    """Connections to the gateway."""
    async with gateway.client() as client:
        yield client
