"""What an operator may say, and what is refused."""

import pytest
from pydantic import ValidationError

from services.worker.settings import WorkerSettings


def test_lists_are_separated_by_commas(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAYMARK_JOBS", "my.jobs, other.jobs,")
    monkeypatch.setenv("WAYMARK_QUEUES", "")
    settings = WorkerSettings()
    assert (settings.jobs, settings.queues) == (("my.jobs", "other.jobs"), ())


def test_a_worker_has_at_least_two_slots_unless_told_otherwise(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delenv("WAYMARK_SLOTS", raising=False)
    assert WorkerSettings().slots >= 2
    monkeypatch.setenv("WAYMARK_SLOTS", "1")
    assert WorkerSettings().slots == 1


def test_a_lease_that_heartbeats_cannot_keep_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("WAYMARK_LEASE_MS", "8000")
    with pytest.raises(ValidationError, match="freeze"):
        WorkerSettings()
    monkeypatch.setenv("WAYMARK_HEARTBEAT_MS", "2000")
    assert WorkerSettings().lease_ms == 8000


@pytest.mark.parametrize("name", ["Reports", "a.b", "dead", "delay", "", "x" * 64])
def test_a_queue_that_no_type_could_name_is_refused(name: str) -> None:
    with pytest.raises(ValidationError, match="queue"):
        WorkerSettings(queues=("default", name))
