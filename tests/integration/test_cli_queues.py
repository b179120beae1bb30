"""`waymark queues` and `waymark workers` against a small fake house on loopback."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.public_api import AT, JOB, FakeHouse
from tests.integration.cli_running import waymark

PAUSED = {"by": "key:oncall", "reason": "the mail provider is down", "at": AT}


@pytest.fixture
def house() -> Iterator[FakeHouse]:
    house = FakeHouse()
    yield house
    house.close()


def a_queue(paused: dict[str, Any] | None = None) -> dict[str, Any]:
    return {
        "name": "mails",
        "depth": 42,
        "classes": {"high": 2, "normal": 40, "low": 0},
        "oldest_age_seconds": 7_300.0,
        "in_flight": 1,
        "scheduled": 7,
        "retrying": 0,
        "consumers": 2,
        "paused": paused,
        "broker": None,
    }


def test_queues_are_listed_with_what_an_operator_has_to_know(house: FakeHouse) -> None:
    why = {"field": "broker", "why": "RabbitMQ does not answer."}
    house.answer("GET", "/v1/queues", 200, {"data": [a_queue(PAUSED)], "unknown": [why]})

    ended = waymark(house, "queues", "list")

    assert ended.returncode == 0, ended.stderr
    told = ("mails", "42", "2.0 h", "key:oncall", "provider is down", "does not answer")
    for word in told:
        assert word in ended.stdout


def test_a_tenant_gets_a_table_of_what_it_may_know(house: FakeHouse) -> None:
    own = [{"name": "mails", "depth": 3, "paused": {"at": AT}}]
    house.answer("GET", "/v1/queues", 200, {"data": own})

    ended = waymark(house, "queues", "list")

    assert ended.returncode == 0, ended.stderr
    assert "workers" not in ended.stdout
    assert "since 2026-01-01 00:00:00" in ended.stdout


def test_as_json_a_queue_is_a_document_on_a_line(house: FakeHouse) -> None:
    house.answer("GET", "/v1/queues", 200, {"data": [a_queue(), a_queue()], "unknown": []})

    ended = waymark(house, "queues", "list", "--json")

    assert [json.loads(line)["depth"] for line in ended.stdout.splitlines()] == [42, 42]


def test_a_pause_says_why_and_a_resume_may(house: FakeHouse) -> None:
    house.answer("POST", "/v1/queues/mails/pause", 200, a_queue(PAUSED))
    house.answer("POST", "/v1/queues/mails/resume", 200, a_queue())

    paused = waymark(house, "queues", "pause", "mails", "--reason", "the mail provider is down")
    resumed = waymark(house, "queues", "resume", "mails")

    assert (paused.returncode, resumed.returncode) == (0, 0), paused.stderr + resumed.stderr
    assert "mails paused since 2026-01-01 00:00:00 by key:oncall" in paused.stdout
    assert resumed.stdout.strip() == "mails goes on, 42 waiting"
    assert [body for *_, body in house.asked] == [
        {"reason": "the mail provider is down"},
        {"reason": None},
    ]


def test_a_pause_without_a_reason_and_a_name_that_cannot_be_are_wrong_requests(
    house: FakeHouse,
) -> None:
    assert waymark(house, "queues", "pause", "mails").returncode == 2
    assert waymark(house, "queues", "resume", "../keys").returncode == 2
    assert house.asked == []


def test_workers_are_listed_with_what_they_run(house: FakeHouse) -> None:
    running = {
        "job": JOB,
        "tenant": "acme",
        "type": "csv.profile",
        "queue": "mails",
        "attempt": 2,
        "started_at": AT,
    }
    worker = {
        "id": "w-17",
        "host": "box",
        "pid": 17,
        "version": "2026.1.3",
        "started_at": AT,
        "seen_at": AT,
        "draining": True,
        "queues": ["default", "mails"],
        "types": ["csv.profile"],
        "slots": {"total": 4, "busy": 1, "free": 3},
        "running": [running],
    }
    house.answer("GET", "/v1/workers", 200, {"data": [worker]})

    ended = waymark(house, "workers", "list")
    lines = waymark(house, "workers", "list", "--json").stdout.splitlines()

    assert ended.returncode == 0, ended.stderr
    for word in ("w-17", "1 of 4 busy", "default, mails", "draining", JOB, "acme", "2026.1.3"):
        assert word in ended.stdout
    assert json.loads(lines[0]) == worker


def test_the_platform_s_key_is_used_where_there_is_one(
    house: FakeHouse, monkeypatch: pytest.MonkeyPatch
) -> None:
    house.answer("GET", "/v1/workers", 200, {"data": []})
    monkeypatch.setenv("WAYMARK_PLATFORM_KEY", "wm_sre_secret")

    waymark(house, "workers", "list")

    headers = {name.lower(): value for name, value in house.asked[-1][2].items()}
    assert headers["authorization"] == "Bearer wm_sre_secret"
