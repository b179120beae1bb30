"""R4, R6: a store that is not the one it should be: a lagging replica, one that evicts."""

import asyncio

import httpx
import pytest

from tests.eventually import eventually
from tests.faults.stage import BOTH_WORKERS, Stage
from tests.faults.test_gateway_faults import honest, knock, until_accepted
from tests.faults.test_store_faults import configure

pytestmark = pytest.mark.slow


async def test_r6_with_a_store_that_evicts_nobody_is_ready_and_what_is_accepted_goes_on(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    jobs = await stage.submit_many(http, 6, seconds=3)
    configure(stage, "maxmemory-policy", "allkeys-lru")
    try:
        for name in ("gateway", *BOTH_WORKERS):
            service = stage.house.service(name)
            await asyncio.to_thread(eventually, lambda s=service: not s.is_ready, 5.0)
            said = (await http.get(f"{service.url}/ready")).json()["checks"]["eviction"]
            assert "CONFIG SET maxmemory-policy noeviction" in said
        answers = [await knock(http, key="evicting")]
        assert honest(answers) == []
        ended = await stage.gateway.settle(http, jobs, within=30)
    finally:
        configure(stage, "maxmemory-policy", "noeviction")

    assert {job["state"] for job in ended.values()} == {"succeeded"}
    again = await until_accepted(http, within=10, key="evicting")
    assert await stage.verdict(http, [*jobs, again]) == []
