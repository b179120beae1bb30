"""What a type's author may rule: retries and back-offs, limits of time and memory, processes."""

import asyncio
from collections import Counter
from datetime import datetime
from itertools import pairwise
from typing import Any

import httpx
import pytest

from tests.faults.stage import Stage

pytestmark = pytest.mark.slow

LADDER_SECONDS = 0.25  # the ladder rounds up to this
SLACK_SECONDS = 0.5
GROWING = (0.8, 1.6, 3.2, 3.2, 3.2, 3.2)  # its longest back-offs, in seconds


async def test_every_attempt_is_on_record_with_its_error_and_its_worker(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    job = await stage.submit(http, "ruled.act", plan=["error", "retry 0.6", "error", "end"])
    alive = {stage.house.service(name).pid for name in ("worker", "worker.2")}

    assert await stage.verdict(http, [job]) == []
    record = await stage.gateway.read(http, job)
    told = [(a["number"], a["outcome"], _code(a), _text(a)) for a in record["attempts"]]
    assert told == [
        (1, "failed", "error", "private words of attempt 1"),
        (2, "failed", "retry", "not yet"),
        (3, "failed", "error", "private words of attempt 3"),
        (4, "succeeded", None, None),
    ]
    assert {int(a["worker"].rsplit("-", 2)[1]) for a in record["attempts"]} <= alive
    assert _gaps(record)[1] >= 0.6
    assert record["result"] == "done in attempt 4"


@pytest.mark.parametrize(
    ("kind", "plan", "runs", "reason", "code"),
    [
        ("ruled.act", ["fail"], 1, "not_retryable", "declined"),
        ("ruled.act", ["error", "fail"], 2, "not_retryable", "declined"),
        ("ruled.act", ["error"], 6, "attempts_exhausted", "error"),
        ("ruled.act", ["retry 0"], 6, "attempts_exhausted", "retry"),
        ("ruled.picky", ["away", "away", "end"], 3, None, None),
        ("ruled.picky", ["error"], 1, "not_retryable", "error"),
        ("ruled.picky", ["retry", "end"], 2, None, None),
        ("ruled.shy", ["away", "end"], 2, None, None),
        ("ruled.shy", ["away", "error"], 2, "not_retryable", "error"),
    ],
)
async def test_what_is_retried_and_what_is_not_is_for_the_type_to_say(
    stage: Stage,
    http: httpx.AsyncClient,
    *,
    kind: str,
    plan: list[str],
    runs: int,
    reason: str | None,
    code: str | None,
) -> None:
    job = await stage.submit(http, kind, plan=plan)
    record = (await stage.gateway.settle(http, [job], within=20))[job]

    assert len(stage.witness.runs(job)) == record["attempt"] == runs
    assert (record["dead_letter"] or {}).get("reason") == reason
    assert (record["error"] or {}).get("code") == code
    assert record["state"] == ("failed" if reason else "succeeded")


@pytest.mark.parametrize("most", [1, 2, 8])
async def test_a_job_may_have_a_number_of_attempts_of_its_own(
    stage: Stage, http: httpx.AsyncClient, *, most: int
) -> None:
    body = {"type": "ruled.act", "payload": {"plan": ["error"]}, "max_attempts": most}
    job = (await http.post("/v1/jobs", json=body)).json()["id"]
    record = (await stage.gateway.settle(http, [job], within=20))[job]

    assert record["max_attempts"] == len(stage.witness.runs(job)) == most
    assert record["dead_letter"]["reason"] == "attempts_exhausted"


async def test_backoffs_double_up_to_their_cap_and_are_spread_over_all_of_it(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    jobs = await stage.submit_many(http, 6, "ruled.growing")
    records = await stage.gateway.settle(http, jobs, within=60)
    shares = []
    for record in records.values():
        gaps = _gaps(record)
        assert len(gaps) == len(GROWING)
        assert all(
            gap <= most + LADDER_SECONDS + SLACK_SECONDS
            for gap, most in zip(gaps, GROWING, strict=True)
        ), gaps
        shares += [gap / most for gap, most in zip(gaps[2:], GROWING[2:], strict=True)]

    assert min(shares) < 0.4
    assert max(shares) > 0.6


async def test_a_soft_limit_lets_a_job_save_how_far_it_came_and_go_on_from_there(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    job = await stage.submit(http, "ruled.saving", steps=22)

    assert await stage.verdict(http, [job]) == []
    record = await stage.gateway.read(http, job)
    assert [a["outcome"] for a in record["attempts"]] == ["timed_out", "timed_out", "succeeded"]
    assert {_code(a) for a in record["attempts"][:2]} == {"soft_time_limit_exceeded"}
    _, begun_at, _, ended_at = record["result"].split()
    assert (int(begun_at) >= 12, int(ended_at)) == (True, 22)


async def test_a_thread_knows_the_soft_limit_alone_and_the_catalogue_says_so(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    in_thread = (await http.get("/v1/types/ruled.threaded")).json()
    in_slot = (await http.get("/v1/types/ruled.fat")).json()
    job = await stage.submit(http, "ruled.threaded")
    record = (await stage.gateway.settle(http, [job], within=10))[job]

    assert (in_thread["isolation"], in_slot["isolation"]) == ("thread", "slot")
    assert in_thread["limits"]["time_limit_seconds"] is None
    assert in_thread["limits"]["soft_time_limit_seconds"] == 0.5
    assert in_slot["limits"]["time_limit_seconds"] == 3600
    assert in_slot["limits"]["max_rss_bytes"] == 300 * 2**20
    assert record["error"]["code"] == "soft_time_limit_exceeded"


async def test_a_job_that_outgrows_max_rss_is_killed_and_nothing_beside_it(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    slim = await stage.submit_many(http, 4, seconds=2)
    pids = [stage.house.service(name).pid for name in ("worker", "worker.2")]
    fat = await stage.submit(http, "ruled.fat", megabytes=400, seconds=2)

    assert await stage.verdict(http, [fat, *slim]) == []
    record = await stage.gateway.read(http, fat)
    assert [a["outcome"] for a in record["attempts"]] == ["crashed", "succeeded"]
    assert _code(record["attempts"][0]) == "memory_limit_exceeded"
    assert all(len(stage.witness.runs(job)) == 1 for job in slim)
    assert pids == [stage.house.service(name).pid for name in ("worker", "worker.2")]


async def test_a_process_runs_no_more_jobs_than_its_type_allows(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    jobs = await asyncio.gather(*(stage.submit(http, "ruled.short-lived") for _ in range(24)))
    records = await stage.gateway.settle(http, jobs, within=20)
    by_process = Counter(record["result"] for record in records.values())

    assert max(by_process.values()) <= 3, by_process
    assert len(by_process) >= 8


def _code(attempt: dict[str, Any]) -> str | None:
    return attempt["error"]["code"] if attempt["error"] else None


def _text(attempt: dict[str, Any]) -> str | None:
    return attempt["error"]["message"] if attempt["error"] else None


def _gaps(record: dict[str, Any]) -> list[float]:
    """Seconds between the end of each attempt and the start of the next."""
    return [
        _moment(after["started_at"]) - _moment(before["finished_at"])
        for before, after in pairwise(record["attempts"])
    ]


def _moment(text: str) -> float:
    return datetime.fromisoformat(text).timestamp()
