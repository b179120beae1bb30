"""Long-poll on fakes: an answer when something happens, and not before."""

import asyncio
import time
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
import pytest

from services.gateway.waiting import is_known, preferred_wait
from shared.contracts.commands import RunJob
from shared.contracts.operations import Claim, Progress, Read, Succeed
from tests.eventually import eventually_async
from tests.fakes.gateway import FakeGateway
from tests.fakes.jobs import record

TOKEN = "t" * 32


@pytest.fixture
async def gateway(tmp_path: Path) -> AsyncIterator[FakeGateway]:
    gateway = FakeGateway(tmp_path)
    await gateway.switchboard.start()
    yield gateway
    await gateway.switchboard.close()


def start(gateway: FakeGateway, job: str) -> None:
    found = gateway.store.do(Read(tenant="dev", job=job))
    assert found is not None
    claim = Claim(tenant="dev", message=RunJob.of(found), token=TOKEN, worker="w", lease=15_000)
    gateway.store.do(claim)


async def poll(gateway: FakeGateway, job: httpx.Response, wait: int) -> httpx.Response:
    headers = {"if_none_match": job.headers["etag"], "prefer": f"wait={wait}"}
    return await gateway.get(f"/v1/jobs/{job.json()['id']}", **headers)


async def watched(gateway: FakeGateway) -> None:
    async def somebody_waits() -> bool:
        return gateway.switchboard.watched == 1 and "dev" in gateway.feed.tenants

    await eventually_async(somebody_waits)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("wait=5", 5),
        ("respond-async, Wait = 7", 7),
        ("wait=3600", 30),
        ("wait=-1", None),
        ("wait=x", None),
        ("await=5", None),
    ],
)
def test_a_wait_is_read_and_bounded(header: str | None, seconds: int | None) -> None:
    assert preferred_wait(header) == seconds


def test_a_tag_is_compared_whole() -> None:
    job = record(epoch="e", revision=12, step=3)

    assert is_known(job, '"e-12-3"')
    assert is_known(job, '"other", W/"e-12-3"')
    assert is_known(job, "*")
    assert not is_known(job, '"e-12"')
    assert not is_known(job, None)


async def test_without_a_wait_an_unchanged_job_is_304_at_once(gateway: FakeGateway) -> None:
    job = await gateway.submit()

    answer = await gateway.get(f"/v1/jobs/{job.json()['id']}", if_none_match=job.headers["etag"])

    assert (answer.status_code, answer.content) == (304, b"")
    assert answer.headers["retry-after"] == "1"
    assert answer.headers["etag"] == job.headers["etag"]


async def test_a_long_poll_answers_when_the_job_changes(gateway: FakeGateway) -> None:
    job = await gateway.submit()
    polling = asyncio.create_task(poll(gateway, job, 20))
    await watched(gateway)
    assert not polling.done()

    start(gateway, job.json()["id"])
    gateway.feed.relay(gateway.store)

    async with asyncio.timeout(5):
        answer = await polling
    assert (answer.status_code, answer.json()["state"]) == (200, "running")
    assert answer.headers["preference-applied"] == "wait=20"
    assert gateway.switchboard.watched == 0


async def test_a_change_before_the_poll_is_not_waited_for(gateway: FakeGateway) -> None:
    job = await gateway.submit()
    start(gateway, job.json()["id"])

    async with asyncio.timeout(5):
        answer = await poll(gateway, job, 20)

    assert answer.json()["state"] == "running"


async def test_a_long_poll_without_a_change_is_304_at_its_end(gateway: FakeGateway) -> None:
    job = await gateway.submit()
    began = time.monotonic()

    answer = await poll(gateway, job, 1)

    assert answer.status_code == 304
    assert 0.9 < time.monotonic() - began < 3


async def test_a_submit_that_waits_gets_the_final_job(gateway: FakeGateway) -> None:
    submitting = asyncio.create_task(gateway.submit(prefer="wait=20"))
    await watched(gateway)
    job = gateway.publisher.sent[0][0].job
    start(gateway, job)
    gateway.store.do(
        Progress(tenant="dev", job=job, token=TOKEN, number=1, progress='{"current":1}')
    )
    gateway.store.do(Succeed(tenant="dev", job=job, token=TOKEN, result='{"rows":[]}'))
    gateway.feed.relay(gateway.store)

    async with asyncio.timeout(5):
        answer = await submitting
    assert (answer.status_code, answer.json()["state"]) == (200, "succeeded")
    assert answer.json()["result"] == {"rows": []}
    assert answer.headers["location"].endswith(job)


async def test_a_submit_that_waited_in_vain_is_still_accepted(gateway: FakeGateway) -> None:
    answer = await gateway.submit(prefer="wait=1")

    assert (answer.status_code, answer.headers["preference-applied"]) == (202, "wait=1")


async def test_a_store_lost_while_waiting_does_not_take_the_202_back(
    gateway: FakeGateway,
) -> None:
    submitting = asyncio.create_task(gateway.submit(prefer="wait=2"))
    await watched(gateway)
    gateway.store.away = True

    async with asyncio.timeout(8):
        assert (await submitting).status_code == 202
