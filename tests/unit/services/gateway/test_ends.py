"""The jobs that a gateway ends are counted, each once; and what it may count is there at 0."""

from pathlib import Path

import pytest

from services.gateway.metrics import Metrics
from services.gateway.tallies import MOST_QUEUES
from shared.contracts.errors import BrokerUnavailable
from shared.contracts.lifecycle import State
from tests.fakes.gateway import FakeGateway

OF_DEMO = {"queue": "default", "type": "demo.steps"}
CANCELLED = {**OF_DEMO, "outcome": "cancelled", "code": ""}
FINISHED = "waymark_jobs_finished_total"


async def test_a_waiting_job_that_is_called_off_has_ended_once(tmp_path: Path) -> None:
    gateway = FakeGateway(tmp_path)
    job = (await gateway.submit()).json()["id"]

    for _ in range(2):
        assert (await gateway.post(f"/v1/jobs/{job}/cancel")).status_code == 200

    assert gateway.count(FINISHED, **CANCELLED) == 1
    seconds = "waymark_jobs_end_to_end_seconds_count"
    assert gateway.count(seconds, queue="default", outcome="cancelled") == 1


async def test_a_running_job_that_is_called_off_is_counted_by_its_worker(tmp_path: Path) -> None:
    gateway = FakeGateway(tmp_path)
    job = (await gateway.submit()).json()["id"]
    gateway.store.peek("dev").jobs[job].state = State.RUNNING

    assert (await gateway.post(f"/v1/jobs/{job}/cancel")).status_code == 202

    assert gateway.count(FINISHED, **CANCELLED) == 0


async def test_a_job_that_is_withdrawn_has_ended(tmp_path: Path) -> None:
    gateway = FakeGateway(tmp_path)
    gateway.publisher.failure = BrokerUnavailable()

    failed = await gateway.submit()

    assert failed.json()["withdrawn"] is True
    assert gateway.count(FINISHED, **CANCELLED) == 1


@pytest.mark.parametrize("outcome", ["accepted", "conflict", "unavailable"])
async def test_queues_and_types_are_there_at_0_once_a_worker_has_announced_them(
    tmp_path: Path, outcome: str
) -> None:
    gateway = FakeGateway(tmp_path)
    value = gateway.metrics.registry.get_sample_value
    labels = {"queue": "bulk", "outcome": outcome}
    assert value("waymark_jobs_submissions_total", labels) is None

    await gateway.get("/v1/types")

    assert value("waymark_jobs_submissions_total", labels) == 0
    assert value("waymark_jobs_submit_duration_seconds_count", {"queue": "bulk"}) == 0
    assert value(FINISHED, CANCELLED) == 0


async def test_every_answer_of_every_call_is_there_at_0_and_refusals_add_none(
    tmp_path: Path,
) -> None:
    gateway = FakeGateway(tmp_path)
    before = series(gateway)
    assert ("waymark_http_requests_total", "POST", "/v1/jobs", "503") in before

    await gateway.get("/v1/jobs/no-such")
    await gateway.get("/nowhere")
    await gateway.send(b"{")
    await gateway.client.delete("/v1/jobs")
    await gateway.client.head("/live")
    await gateway.client.request("BREW", "/v1/jobs")
    await gateway.client.get("/v1/jobs", headers={"authorization": "Bearer nonsense"})
    await gateway.get("/docs")

    assert series(gateway) == before


def series(gateway: FakeGateway) -> set[tuple[str, ...]]:
    return {
        (sample.name, *(value for label, value in sample.labels.items() if label != "le"))
        for family in gateway.metrics.registry.collect()
        for sample in family.samples
        if sample.name.startswith("waymark_http")
    }


def test_submits_to_queues_beyond_the_bound_are_counted_together() -> None:
    metrics = Metrics()
    for number in range(MOST_QUEUES + 5):
        metrics.submitted(f"q{number}", "accepted")
        metrics.submit_took(f"q{number}", 0.01)
    metrics.submitted("q3", "accepted")
    value = metrics.registry.get_sample_value
    name = "waymark_jobs_submissions_total"

    assert value(name, {"queue": "(other)", "outcome": "accepted"}) == 5
    assert value(name, {"queue": "q3", "outcome": "accepted"}) == 2
    assert value(name, {"queue": f"q{MOST_QUEUES}", "outcome": "accepted"}) is None
    assert value("waymark_jobs_submit_duration_seconds_count", {"queue": "(other)"}) == 5
