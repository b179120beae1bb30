"""POST /v1/jobs on a store that may forget what it accepts."""

from pathlib import Path

from tests.fakes.gateway import FakeGateway


async def test_a_store_that_evicts_is_given_no_new_job_and_a_known_key_gets_its_old_one(
    tmp_path: Path,
) -> None:
    gateway = FakeGateway(tmp_path)
    known = (await gateway.submit(idempotency_key="k1")).json()["id"]
    gateway.evicting = "maxmemory-policy is allkeys-lru"

    refused = await gateway.submit()
    again = await gateway.submit(idempotency_key="k1")

    assert (refused.status_code, refused.json()["retryable"]) == (503, True)
    assert "allkeys-lru" in refused.json()["detail"]
    assert int(refused.headers["retry-after"]) > 0
    assert (again.status_code, again.json()["id"]) == (202, known)
    assert len(gateway.publisher.sent) == 1
