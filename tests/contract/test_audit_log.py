"""The audit log, in memory and on a real Redis."""

import time
import uuid
from collections.abc import AsyncIterator

import pytest
import redis

from shared.adapters.store_redis import RedisAudit
from shared.contracts.audit import AuditEntry
from shared.ports import AuditLog
from tests.fakes.audit import FakeAudit


def entry(target: str, tenant: str | None = "acme") -> AuditEntry:
    return AuditEntry(
        id=str(uuid.uuid4()),
        at=int(time.time() * 1000),
        tenant=tenant,
        by="key:ops",
        action="job.cancel",
        target=target,
        reason="wörds",
    )


@pytest.fixture(params=["fake", "redis"])
async def audit(request: pytest.FixtureRequest) -> AsyncIterator[AuditLog]:
    if request.param == "fake":
        yield FakeAudit()
        return
    real = RedisAudit(request.getfixturevalue("redis_url"), deadline=2.0)
    yield real
    await real.close()


async def test_entries_come_back_newest_first_and_page_by_page(audit: AuditLog) -> None:
    written = [entry(f"job {n}") for n in range(5)]
    for one in written:
        await audit.append(one)

    first = await audit.page("acme", before=None, limit=3)
    rest = await audit.page("acme", before=first[-1][0], limit=3)

    assert [one for _, one in [*first, *rest]] == written[::-1]
    assert not await audit.page("acme", before=rest[-1][0], limit=3)


async def test_a_tenant_s_log_holds_its_own_and_the_house_s_holds_all(audit: AuditLog) -> None:
    for one in (entry("a", "acme"), entry("b", "zeta"), entry("c", None)):
        await audit.append(one)

    seen = {
        tenant: [one.target for _, one in await audit.page(tenant, before=None, limit=9)]
        for tenant in ("acme", "zeta", "nobody", None)
    }

    assert seen == {"acme": ["a"], "zeta": ["b"], "nobody": [], None: ["c", "b", "a"]}


async def test_the_streams_in_redis_are_capped(redis_url: str) -> None:
    audit = RedisAudit(redis_url, deadline=2.0)
    with redis.Redis.from_url(redis_url) as client:
        with client.pipeline() as pipe:
            for _ in range(12_000):
                pipe.xadd("wm:{acme}:audit", {"entry": b"{}"})
            pipe.execute()

        await audit.append(entry("the last"))

        assert client.xlen("wm:{acme}:audit") < 10_200  # cut by whole nodes of the stream
    await audit.close()
