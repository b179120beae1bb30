"""A Redis that may evict what was accepted: who notices, from what, and what they do."""

from pathlib import Path

import pytest
import redis as redis_client

from shared.adapters.store_redis import AsyncRedisStore
from shared.adapters.store_redis.keeping import Keeping
from tests.eventually import eventually, eventually_async
from tests.integration.gateway_running import A_JOB, Broker, RunningGateway

NOTICED_SECONDS = 10.0


class Admin:
    """Somebody with all rights on a Redis."""

    def __init__(self, url: str) -> None:
        self.redis = redis_client.Redis.from_url(url)

    def policy(self, name: str) -> None:
        self.redis.config_set("maxmemory-policy", name)


@pytest.mark.parametrize("rights", ["+@all", "+@all -config", "+@all -info", "+@all -info -config"])
async def test_the_policy_is_known_with_any_rights_that_allow_it(
    redis_url: str, rights: str
) -> None:
    admin = Admin(redis_url)
    admin.redis.execute_command(
        "ACL", "SETUSER", "limited", "on", ">pw", "~*", "&*", *rights.split()
    )
    store = AsyncRedisStore(redis_url.replace("redis://", "redis://limited:pw@"))
    admin.policy("volatile-lru")
    admin.redis.config_set("appendonly", "no")
    try:
        found = await store.keeping()
    finally:
        admin.policy("noeviction")
        admin.redis.config_set("appendonly", "yes")
        admin.redis.execute_command("ACL", "DELUSER", "limited")
        await store.close()

    assert (
        found
        == {
            "+@all": Keeping("volatile-lru", appends=False),
            "+@all -config": Keeping("volatile-lru", appends=False),
            "+@all -info": Keeping("volatile-lru", appends=None),
            "+@all -info -config": Keeping(None, appends=None),
        }[rights]
    )


async def test_a_gateway_on_a_store_that_evicts_is_unready_and_takes_nothing_until_it_is_mended(
    redis_url: str, amqp_url: str, tmp_path: Path
) -> None:
    Broker(amqp_url).serve()
    gateway = RunningGateway(tmp_path, redis_url=redis_url, amqp_url=amqp_url)
    admin = Admin(redis_url)
    try:
        gateway.start()
        await gateway.until_ready()
        admin.policy("allkeys-lru")
        eventually(lambda: gateway.get("/ready").status_code == 503, within=NOTICED_SECONDS)
        checks = gateway.get("/ready").json()["checks"]
        async with gateway.client() as http:
            refused = await http.post("/v1/jobs", json=A_JOB)
            admin.policy("noeviction")

            async def accepted() -> bool:
                return (await http.post("/v1/jobs", json=A_JOB)).status_code == 202

            assert await eventually_async(accepted, within=NOTICED_SECONDS)
    finally:
        admin.policy("noeviction")
        gateway.kill()

    assert "CONFIG SET maxmemory-policy noeviction" in checks["eviction"]
    assert [name for name, said in checks.items() if said != "ok"] == ["eviction"]
    assert (refused.status_code, refused.headers["retry-after"]) == (503, "2")
    said = gateway.log.read_text()
    assert (said.count("store_evicts"), said.count("store_keeps_everything")) == (1, 1)
    assert "store_not_durable" not in said
