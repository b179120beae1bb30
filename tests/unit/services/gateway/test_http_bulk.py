"""POST /v1/jobs/bulk on fakes: each job by itself, all or none, repeats, and outages."""

import asyncio
import time
from pathlib import Path
from typing import Any

import httpx
import pytest

from services.gateway.planning import Terms
from services.gateway.routes.bulk import MOST_AT_ONCE
from shared.contracts.errors import BrokerUnavailable
from shared.contracts.lifecycle import State
from shared.contracts.operations import Read
from tests.eventually import eventually_async
from tests.fakes.gateway import FakeGateway, as_key, pointers

GOOD = {"type": "demo.steps", "payload": {"steps": 3}}
BAD = {"type": "demo.steps", "payload": {"steps": "x"}, "priority": 99}
UNKNOWN = {"type": "demo.stpes", "payload": {}}


@pytest.fixture
def gateway(tmp_path: Path) -> FakeGateway:
    return FakeGateway(tmp_path)


async def bulk(
    gateway: FakeGateway, *jobs: object, atomic: object = None, **headers: str
) -> httpx.Response:
    body: dict[str, object] = {"jobs": jobs}
    if atomic is not None:
        body["atomic"] = atomic
    return await gateway.post("/v1/jobs/bulk", body, **headers)


def items(answer: httpx.Response) -> list[dict[str, Any]]:
    assert answer.status_code == 200, answer.text
    data: list[dict[str, Any]] = answer.json()["data"]
    assert [item["index"] for item in data] == list(range(len(data)))
    assert all(("id" in item) is (item["status"] < 300) for item in data)
    assert all(item["problem"]["status"] == item["status"] for item in data if "problem" in item)
    return data


def statuses(answer: httpx.Response) -> list[int]:
    return [item["status"] for item in items(answer)]


def ids(answer: httpx.Response) -> list[str]:
    return [item["id"] for item in items(answer)]


def states(gateway: FakeGateway) -> list[State | None]:
    return [job.state for job in gateway.store.peek("dev").jobs.values()]


async def test_every_job_is_on_record_in_the_broker_and_in_order(gateway: FakeGateway) -> None:
    jobs = [{"type": "demo.steps", "payload": {"steps": n + 1}} for n in range(250)]

    answer = await bulk(gateway, *jobs)

    assert statuses(answer) == [202] * 250
    by_id = {message.job: message.payload for message, _ in gateway.publisher.sent}
    assert [by_id[job] for job in ids(answer)] == [f'{{"steps":{n + 1}}}' for n in range(250)]
    assert not gateway.store.peek("dev").outbox
    assert "retry-after" not in answer.headers
    name = "waymark_jobs_submissions_total"
    assert gateway.count(name, queue="default", outcome="accepted") == 250


async def test_what_is_wrong_with_one_is_said_of_that_one(gateway: FakeGateway) -> None:
    large = {"type": "demo.steps", "payload": {"steps": 1, "rest": "x" * (256 << 10)}}

    answer = await bulk(gateway, GOOD, BAD, UNKNOWN, 7, large, GOOD)

    data = items(answer)
    assert statuses(answer) == [202, 422, 422, 422, 413, 202]
    problems = [item["problem"] for item in data if "problem" in item]
    assert [problem["code"] for problem in problems] == [
        "validation-failed",
        "unknown-type",
        "validation-failed",
        "payload-too-large",
    ]
    assert [sorted(error["pointer"] for error in problem["errors"]) for problem in problems] == [
        ["/jobs/1/payload/steps", "/jobs/1/priority"],
        ["/jobs/2/type"],
        ["/jobs/3"],
        ["/jobs/4"],
    ]
    assert problems[1]["did_you_mean"] == ["demo.steps"]
    assert {problem["request_id"] for problem in problems} == {answer.headers["x-request-id"]}
    assert len(gateway.publisher.sent) == 2
    name = "waymark_jobs_submissions_total"
    assert gateway.count(name, queue="", outcome="invalid") == 3
    assert gateway.count(name, queue="", outcome="too_large") == 1


@pytest.mark.parametrize(
    ("body", "status", "where"),
    [
        ({}, 422, ["/jobs"]),
        ({"jobs": []}, 422, ["/jobs"]),
        ({"jobs": {}}, 422, ["/jobs"]),
        ({"jobs": [GOOD] * 1001}, 422, ["/jobs"]),
        ({"jobs": [GOOD], "atomic": "yes"}, 422, ["/atomic"]),
        ({"jobs": [GOOD], "access": True}, 422, ["/access"]),
        ([GOOD], 422, [""]),
    ],
)
async def test_a_body_that_is_no_bulk_is_refused_whole(
    gateway: FakeGateway, body: object, status: int, where: list[str]
) -> None:
    answer = await gateway.post("/v1/jobs/bulk", body)

    assert answer.status_code == status
    assert pointers(answer) == where
    assert not gateway.publisher.sent


async def test_a_thousand_are_not_too_many_and_a_long_body_is_read_aside(
    gateway: FakeGateway,
) -> None:
    answer = await bulk(gateway, *[GOOD | {"labels": {"why": "x" * 200}}] * 1000)

    assert statuses(answer) == [202] * 1000
    assert len(set(ids(answer))) == 1000


async def test_a_key_that_may_only_read_may_not(gateway: FakeGateway) -> None:
    assert (await bulk(gateway, GOOD, authorization=as_key("reader"))).status_code == 403


async def test_so_many_at_once_and_no_more(gateway: FakeGateway) -> None:
    gateway.publisher.frozen = True
    waiting = [asyncio.create_task(bulk(gateway, GOOD)) for _ in range(MOST_AT_ONCE)]

    async def all_inside() -> bool:
        return len(gateway.store.peek("dev").jobs) == MOST_AT_ONCE

    await eventually_async(all_inside)

    one_more = await bulk(gateway, GOOD)

    assert (one_more.status_code, one_more.json()["code"]) == (503, "overloaded")
    for task in waiting:
        task.cancel()


class TestAllOrNone:
    async def test_they_are_all_accepted(self, gateway: FakeGateway) -> None:
        answer = await bulk(gateway, *[GOOD] * 150, atomic=True)

        assert statuses(answer) == [202] * 150
        assert len(gateway.publisher.sent) == 150

    async def test_one_that_is_wrong_refuses_all_and_is_pointed_to(
        self, gateway: FakeGateway
    ) -> None:
        answer = await bulk(gateway, GOOD, UNKNOWN, GOOD, BAD, atomic=True)

        assert (answer.status_code, answer.json()["code"]) == (422, "validation-failed")
        assert sorted(pointers(answer)) == [
            "/jobs/1/type",
            "/jobs/3/payload/steps",
            "/jobs/3/priority",
        ]
        assert not states(gateway)

    async def test_one_that_is_too_large_refuses_all(self, gateway: FakeGateway) -> None:
        large = {"type": "demo.steps", "payload": {"steps": 1, "rest": "x" * (256 << 10)}}

        answer = await bulk(gateway, GOOD, large, atomic=True)

        assert (answer.status_code, answer.json()["code"]) == (413, "payload-too-large")
        assert pointers(answer) == ["/jobs/1"]
        assert not states(gateway)

    async def test_a_unique_key_that_is_taken_refuses_all(self, gateway: FakeGateway) -> None:
        held = {**GOOD, "unique_key": "u"}
        holder = (await gateway.submit(held)).json()["id"]

        answer = await bulk(gateway, GOOD, {**held, "on_conflict": "reject"}, atomic=True)

        assert (answer.status_code, answer.json()["code"]) == (409, "unique-key-taken")
        assert answer.json()["job_id"] == holder
        assert pointers(answer) == ["/jobs/1/unique_key"]
        assert len(states(gateway)) == 1

    async def test_what_the_broker_did_not_confirm_stays_on_record(
        self, gateway: FakeGateway
    ) -> None:
        gateway.publisher.failure = BrokerUnavailable()

        answer = await bulk(gateway, GOOD, GOOD, atomic=True)

        assert statuses(answer) == [503, 503]
        assert states(gateway) == [State.QUEUED, State.QUEUED]
        assert answer.headers["retry-after"] == "2"
        named = {item["problem"]["job_id"] for item in items(answer)}
        assert named == set(gateway.store.peek("dev").jobs)

    async def test_a_repeat_gets_the_same_jobs_although_refused_today(
        self, gateway: FakeGateway
    ) -> None:
        first = await bulk(gateway, GOOD, GOOD, atomic=True, idempotency_key="k")
        gateway.registry.entries.clear()
        gateway.evicting = "it evicts"

        again = await bulk(gateway, GOOD, GOOD, atomic=True, idempotency_key="k")
        other = await bulk(gateway, GOOD, GOOD, atomic=True, idempotency_key="new")

        assert ids(again) == ids(first)
        assert other.status_code == 503


class TestRepeats:
    async def test_the_same_key_makes_the_same_jobs(self, gateway: FakeGateway) -> None:
        first = await bulk(gateway, *[GOOD] * 120, idempotency_key="k")
        again = await bulk(gateway, *[GOOD] * 120, idempotency_key="k")

        assert ids(first) == ids(again)
        assert len(set(ids(first))) == len(gateway.publisher.sent) == 120
        assert "idempotent-replayed" not in first.headers
        assert again.headers["idempotent-replayed"] == "true"
        assert all(item["replayed"] for item in items(again))

    @pytest.mark.parametrize("atomic", [False, True])
    async def test_the_same_key_with_another_body_does_nothing(
        self, gateway: FakeGateway, atomic: bool
    ) -> None:
        await bulk(gateway, GOOD, idempotency_key="k", atomic=atomic)

        other = await bulk(gateway, *[GOOD] * 3, idempotency_key="k", atomic=atomic)

        assert (other.status_code, other.json()["code"]) == (422, "idempotency-key-reused")
        assert len(states(gateway)) == 1

    async def test_a_single_submit_with_the_same_key_is_another_request(
        self, gateway: FakeGateway
    ) -> None:
        many = await bulk(gateway, GOOD, idempotency_key="k")
        single = await gateway.submit(GOOD, idempotency_key="k")

        assert single.status_code == 202
        assert single.json()["id"] != ids(many)[0]

    async def test_a_repeat_finishes_what_was_not_confirmed(self, gateway: FakeGateway) -> None:
        first_half = 60

        def fails(message: Any) -> bool:
            return len(gateway.publisher.sent) >= first_half and bool(message)

        gateway.publisher.fails = fails
        failed = await bulk(gateway, *[GOOD] * 120, idempotency_key="k")
        gateway.publisher.fails = lambda _message: False
        again = await bulk(gateway, *[GOOD] * 120, idempotency_key="k")

        assert sorted(set(statuses(failed))) == [202, 503]
        assert statuses(again) == [202] * 120
        named = [item.get("id") or item["problem"]["job_id"] for item in items(failed)]
        assert ids(again) == named
        assert len(gateway.publisher.sent) == len(states(gateway)) == 120

    async def test_an_item_refused_today_may_be_the_repeat_of_one_that_was_not(
        self, gateway: FakeGateway
    ) -> None:
        first = await bulk(gateway, GOOD, BAD, GOOD, idempotency_key="k")
        gateway.evicting = "it evicts"
        again = await bulk(gateway, GOOD, BAD, GOOD, idempotency_key="k")

        assert statuses(first) == statuses(again) == [202, 422, 202]
        assert [item.get("id") for item in items(first)] == [
            item.get("id") for item in items(again)
        ]


class TestUnique:
    async def test_two_with_one_unique_key_are_one_job(self, gateway: FakeGateway) -> None:
        unique = {**GOOD, "unique_key": "u"}
        answer = await bulk(gateway, unique, *[GOOD] * 150, unique)

        assert statuses(answer) == [202] * 151 + [200]
        assert ids(answer)[0] == ids(answer)[-1]
        assert items(answer)[-1]["deduplicated"] is True

    async def test_one_that_would_rather_be_refused_is(self, gateway: FakeGateway) -> None:
        unique = {**GOOD, "unique_key": "u"}
        answer = await bulk(gateway, unique, {**unique, "on_conflict": "reject"})

        assert statuses(answer) == [202, 409]
        assert items(answer)[1]["problem"]["job_id"] == ids_of(answer)[0]


def ids_of(answer: httpx.Response) -> list[Any]:
    return [item.get("id") for item in items(answer)]


class TestOutages:
    async def test_without_a_store_it_is_503_whole(self, gateway: FakeGateway) -> None:
        await gateway.submit()
        gateway.store.away = True

        for atomic in (False, True):
            answer = await bulk(gateway, *[GOOD] * 3, atomic=atomic)

            assert (answer.status_code, answer.json()["code"]) == (503, "store-unavailable")
            assert int(answer.headers["retry-after"]) > 0

    async def test_an_empty_catalogue_is_503_whole(self, gateway: FakeGateway) -> None:
        gateway.registry.entries.clear()

        for atomic in (False, True):
            answer = await bulk(gateway, GOOD, GOOD, atomic=atomic)

            assert (answer.status_code, answer.json()["code"]) == (503, "catalogue-empty")

    async def test_with_the_broker_away_each_says_what_became_of_it(
        self, gateway: FakeGateway
    ) -> None:
        gateway.publisher.failure = BrokerUnavailable()

        bare = items(await bulk(gateway, GOOD, BAD, GOOD))
        keyed = items(await bulk(gateway, GOOD, GOOD, idempotency_key="k"))

        assert [item["status"] for item in bare] == [503, 422, 503]
        assert [item["problem"].get("withdrawn") for item in bare] == [True, None, True]
        assert ["withdrawn" in item["problem"] for item in keyed] == [False, False]
        assert ["job_id" in item["problem"] for item in keyed] == [True, False], "one was tried"
        for item, state in ((bare[0], State.CANCELLED), (keyed[0], State.QUEUED)):
            read = Read(tenant="dev", job=item["problem"]["job_id"])
            record = gateway.store.do(read)
            assert record is not None
            assert record.state is state

    async def test_with_a_frozen_broker_a_thousand_are_answered_in_time(
        self, gateway: FakeGateway
    ) -> None:
        gateway.publisher.frozen = True
        started = time.monotonic()

        answer = await bulk(gateway, *[GOOD] * 1000)

        assert time.monotonic() - started < 6.0  # 3 s; the fake shares its thread with the rest
        assert set(statuses(answer)) == {503}


async def test_a_quota_lets_in_as_many_as_there_is_room_for(tmp_path: Path) -> None:
    gateway = FakeGateway(tmp_path, terms=Terms(max_live_jobs=2))

    whole = await bulk(gateway, *[GOOD] * 3, atomic=True)
    each = await bulk(gateway, *[GOOD] * 3)

    assert (whole.status_code, whole.json()["code"]) == (429, "quota-exceeded")
    assert statuses(each) == [202, 202, 429]
    assert items(each)[2]["problem"]["max_live_jobs"] == 2
    assert int(each.headers["retry-after"]) > 0
    assert len(states(gateway)) == 2
