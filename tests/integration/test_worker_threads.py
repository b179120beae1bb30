"""A real worker whose jobs run in its own process, beside others that run in slots."""

import json
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from shared.contracts.answers import CancelVerdict
from shared.contracts.job import DeadLetterReason, Outcome
from shared.contracts.lifecycle import State
from tests.integration.worker_running import House

BOTH = "tests.integration.worker_jobs,tests.integration.thread_jobs"
SLOT_TYPE = '@job("import.slot")\ndef slot() -> None: ...\n'
THREAD_TYPE = '@job("import.thread", isolation="thread")\ndef thread() -> None: ...\n'


@pytest.fixture
def house(amqp_url: str, redis_url: str, tmp_path: Path) -> Iterator[House]:
    house = House(amqp_url, redis_url, tmp_path)
    yield house
    house.close()


def test_jobs_in_threads_come_to_their_right_ends_beside_those_in_slots(house: House) -> None:
    """One worker for many short stories: starting one costs more than each of them."""
    worker = house.start_worker(jobs=BOTH, slots=4)
    echo = house.submit("th.echo", text="hallo")
    in_slot = house.submit("w.flaky", fail_times=1)
    crashing = house.submit("w.crash")
    flaky = house.submit("th.flaky", fail_times=2)
    refused = house.submit("th.refuse")
    fetching = house.submit("th.fetch", seconds=0.2)
    resuming = house.submit("th.resuming")
    endless = house.submit("th.endless", max_attempts=1)
    blocked = house.submit("th.blocked", seconds=1.2)

    done = house.wait_state(echo, State.SUCCEEDED)
    assert json.loads(done.result or "") == ["hallo", worker.process.pid]
    assert house.wait_state(in_slot, State.SUCCEEDED).result == "2"
    assert house.wait_state(fetching, State.SUCCEEDED).result == f'"{fetching}"'
    assert house.wait_state(resuming, State.SUCCEEDED).result == '"resumed at 7"'

    retried = house.wait_state(flaky, State.SUCCEEDED)
    assert retried.result == "3"
    assert [attempt.outcome for attempt in retried.attempts[:2]] == [Outcome.FAILED] * 2

    declined = house.wait_state(refused, State.FAILED)
    assert declined.dead_letter is not None
    assert declined.dead_letter.reason is DeadLetterReason.NOT_RETRYABLE
    assert json.loads(declined.public_error or "")["message"] == "card declined"

    limited = house.wait_state(endless, State.FAILED)
    assert json.loads(limited.error or "")["code"] == "soft_time_limit_exceeded"
    began, ended = limited.started_at or 0, limited.finished_at or 0
    assert 400 <= ended - began <= 2_000

    late = house.wait_state(blocked, State.SUCCEEDED)
    assert late.result == '"soft limit"'
    assert (late.finished_at or 0) - (late.started_at or 0) >= 1_200

    house.wait_state(crashing, State.FAILED)
    assert worker.probe("live")["live"] is True


def test_progress_of_a_thread_reaches_the_record_while_the_job_runs(house: House) -> None:
    house.start_worker(jobs=BOTH)
    job = house.submit("th.sleep", seconds=2)
    early = house.wait_for(job, lambda record: record.progress)
    assert early.state is State.RUNNING
    done = house.wait_state(job, State.SUCCEEDED)
    assert json.loads(done.progress or "")["current"] == 100


def test_a_job_in_a_thread_is_cancelled_or_else_let_go(house: House) -> None:
    worker = house.start_worker(jobs=BOTH, slots=2)
    willing, deaf = house.submit("th.sleep", seconds=60), house.submit("th.deaf", seconds=6)
    for job in (willing, deaf):
        house.wait_state(job, State.RUNNING)
        assert house.cancel(job, grace=1_500) is CancelVerdict.REQUESTED
    stopped = house.wait_state(willing, State.CANCELLED, within=2.0)
    assert stopped.attempts[-1].outcome is Outcome.CANCELLED
    house.wait_state(deaf, State.CANCELLED, within=4.0)

    after = [house.submit("th.sleep", seconds=0.2) for _ in range(4)]
    for job in after:
        house.wait_state(job, State.SUCCEEDED)
    assert worker.probe("live")["live"] is True


def test_a_deploy_hands_back_what_runs_in_threads(house: House) -> None:
    first = house.start_worker(jobs=BOTH, drain_seconds=0.2)
    job = house.submit("th.sleep", seconds=3)
    house.wait_state(job, State.RUNNING)
    first.told(signal.SIGTERM)
    assert first.ended() == 0

    house.start_worker(jobs=BOTH)
    done = house.wait_state(job, State.SUCCEEDED)
    assert done.spent == 1
    assert done.attempts[0].outcome is Outcome.INTERRUPTED


@pytest.mark.parametrize(("types", "here"), [(SLOT_TYPE, False), (SLOT_TYPE + THREAD_TYPE, True)])
def test_a_worker_imports_job_modules_only_for_its_threads(
    house: House, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, types: str, here: bool
) -> None:
    importers = tmp_path / "importers"
    (tmp_path / "imported_where.py").write_text(
        "import os\nfrom services.worker import job\n"
        f"with open({str(importers)!r}, 'a') as file: file.write(f'{{os.getpid()}}\\n')\n{types}"
    )
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    worker = house.start_worker(jobs="imported_where")

    pids = [int(line) for line in importers.read_text().split()]
    assert (worker.process.pid in pids) is here
    assert len(pids) == 1 + here
