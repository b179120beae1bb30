"""Requests of one moment share a batch, and each hears what became of its own job."""

import asyncio
import time
from typing import TypeVar

from structlog.testing import capture_logs

from services.gateway.accepting.acceptance import LARGE, LARGE_AT_ONCE
from services.gateway.accepting.gathering import MOST_TOGETHER, Told
from services.gateway.accepting.outcomes import Withheld
from services.gateway.refusals import KeyReused, QuotaExceeded, Unavailable, UniqueKeyTaken
from shared.contracts.batches import ConfirmMany, SubmitMany
from shared.contracts.errors import BrokerUnavailable, StoreUnavailable
from shared.contracts.job import OnConflict
from shared.contracts.lifecycle import State
from shared.contracts.operations import Confirm, Operation, Submit
from tests.eventually import eventually_async
from tests.fakes.store import AsyncFakeStore, FakeStore
from tests.unit.services.gateway.accepting.accepting_house import (
    SECONDS,
    House,
    Listening,
    a_job,
    a_key,
    in_time,
    job_of,
    kind,
    true,
)

A = TypeVar("A")


async def test_jobs_of_one_moment_are_one_call_of_the_store_and_one_write_to_the_broker(
    house: House,
) -> None:
    jobs = [a_job() for _ in range(5)]

    outcomes = await house.accept(*jobs)

    assert [type(asked) for asked in house.store.asked] == [SubmitMany, ConfirmMany]
    assert [job_of(outcome) for outcome in outcomes] == [job.job for job in jobs]
    assert [message.job for message, _ in house.publisher.sent] == [job.job for job in jobs]


async def test_a_single_job_waits_for_nobody(house: House) -> None:
    await house.accept(a_job())

    assert [type(asked) for asked in house.store.asked] == [Submit, Confirm]


async def test_tenants_share_no_batch(house: House) -> None:
    await house.accept(a_job(), a_job("other"), a_job(), a_job("other"))

    batches = [asked for asked in house.store.asked if isinstance(asked, SubmitMany)]
    assert {asked.tenant for asked in batches} == {"dev", "other"}
    assert all({job.tenant for job in asked.jobs} == {asked.tenant} for asked in batches)


async def test_a_batch_is_bounded_in_jobs_and_in_size(house: House) -> None:
    large = "x" * (1 << 20)

    await house.accept(*(a_job() for _ in range(2 * MOST_TOGETHER + 1)))
    by_number = [len(asked.jobs) for asked in house.store.asked if isinstance(asked, SubmitMany)]
    house.store.asked.clear()
    await house.accept(*(a_job(payload=large) for _ in range(5)))
    by_size = [len(asked.jobs) for asked in house.store.asked if isinstance(asked, SubmitMany)]

    assert by_number == [MOST_TOGETHER, MOST_TOGETHER]
    assert by_size == [4]


async def test_each_hears_of_its_own_job_alone(house: House) -> None:
    await house.accept(a_job(key=a_key("bound")), a_job(unique_key="held"))
    good, late = a_job(), a_job(key=a_key("bound"))
    jobs = [
        good,
        late,
        a_job(key=a_key("bound", "another body")),
        a_job(unique_key="held", on_conflict=OnConflict.REJECT),
        a_job(quota=1),
        a_job(unique_key="held"),
    ]

    outcomes = await house.accept(*jobs)

    assert [kind(outcome) for outcome in outcomes] == [
        "accepted",
        "replayed",
        KeyReused,
        UniqueKeyTaken,
        QuotaExceeded,
        "deduplicated",
    ]


async def test_of_two_with_the_same_unique_key_the_second_is_safe_with_the_first(
    house: House,
) -> None:
    first, second = await house.accept(a_job(unique_key="u"), a_job(unique_key="u"))

    assert [kind(first), kind(second)] == ["accepted", "deduplicated"]
    assert job_of(first) == job_of(second)
    assert len(house.publisher.sent) == 1


async def test_two_with_the_same_idempotency_key_make_one_job(house: House) -> None:
    key = a_key("k")
    outcomes = await house.accept(a_job(key=key), a_job(key=key))

    assert kind(outcomes[0]) == "accepted"
    assert len(house.publisher.sent) == 1


async def test_one_that_the_broker_refuses_harms_no_other(house: House) -> None:
    house.publisher.fails = lambda message: message.options.queue == "nowhere"
    keyed = a_job(queue="nowhere", key=a_key("k"))
    bare, good = a_job(queue="nowhere"), a_job()

    outcomes = await house.accept(keyed, bare, good)

    assert [kind(outcome) for outcome in outcomes] == [Unavailable, Unavailable, "accepted"]
    assert [extra(outcome) for outcome in outcomes[:2]] == [
        {"job_id": keyed.job},
        {"job_id": bare.job, "withdrawn": True},
    ]
    assert [house.state(job) for job in (keyed, bare, good)] == [
        State.QUEUED,
        State.CANCELLED,
        State.QUEUED,
    ]


def extra(outcome: Told) -> dict[str, object]:
    assert isinstance(outcome, Unavailable)
    return outcome.extra


async def test_without_a_store_each_gets_an_error_of_its_own(house: House) -> None:
    house.records.away = True

    outcomes = await house.accept(a_job(), a_job(), a_job())

    assert [type(outcome) for outcome in outcomes] == [StoreUnavailable] * 3
    assert len({id(outcome) for outcome in outcomes}) == 3
    assert not house.publisher.sent


async def test_a_frozen_broker_is_unavailable_within_the_deadline(house: House) -> None:
    house.publisher.frozen = True
    started = time.monotonic()
    loop = asyncio.get_running_loop()

    outcomes = await asyncio.gather(
        *(house.one(a_job(), deadline=loop.time() + 0.2) for _ in range(3))
    )

    assert [type(outcome) for outcome in outcomes] == [Unavailable] * 3
    assert time.monotonic() - started < SECONDS


async def test_a_request_that_is_called_off_disturbs_nobody(house: House) -> None:
    gone = asyncio.create_task(house.one(a_job(), deadline=in_time()))
    stays = asyncio.create_task(house.one(a_job(), deadline=in_time()))
    await asyncio.sleep(0)
    gone.cancel()

    assert kind(await stays) == "accepted"
    assert gone.cancelled()
    assert len(house.publisher.sent) == 2, "what was asked for is carried out"


async def test_a_mistake_of_ours_reaches_everybody_it_concerns(house: House) -> None:
    house.publisher.failure = ZeroDivisionError()

    outcomes = await asyncio.gather(*(house.one(a_job(), deadline=in_time()) for _ in range(2)))

    assert [type(outcome) for outcome in outcomes] == [ZeroDivisionError] * 2


async def test_all_or_none_writes_none_when_one_is_refused(house: House) -> None:
    await house.accept(a_job(unique_key="held"))
    jobs = [a_job(), a_job(unique_key="held", on_conflict=OnConflict.REJECT), a_job()]

    outcomes = await house.acceptance.accept_all(jobs, deadline=in_time())

    assert [type(outcome) for outcome in outcomes] == [Withheld, UniqueKeyTaken, Withheld]
    assert [house.state(job) for job in jobs] == [None, None, None]


async def test_all_or_none_takes_back_none_that_is_on_record(house: House) -> None:
    house.publisher.failure = BrokerUnavailable()
    jobs = [a_job(), a_job()]

    outcomes = await house.acceptance.accept_all(jobs, deadline=in_time())

    assert [extra(outcome) for outcome in outcomes] == [{"job_id": job.job} for job in jobs]
    assert [house.state(job) for job in jobs] == [State.QUEUED, State.QUEUED]


async def test_large_batches_wait_in_the_house_and_not_in_front_of_the_store(
    house: House,
) -> None:
    at_once = most = 0

    async def slowly(operation: Operation[A]) -> A:
        nonlocal at_once, most
        if isinstance(operation, SubmitMany):
            at_once += 1
            most = max(most, at_once)
            for _ in range(5):
                await asyncio.sleep(0)
            at_once -= 1
        return await AsyncFakeStore(house.records).do(operation)

    house.store.do = slowly  # type: ignore[method-assign]
    batches = [[a_job() for _ in range(LARGE)] for _ in range(6)]
    outcomes = await asyncio.gather(
        *(house.acceptance.accept(batch, deadline=in_time()) for batch in batches)
    )

    assert most == LARGE_AT_ONCE
    assert all(kind(one) == "accepted" for batch in outcomes for one in batch)


class SlowStore(Listening):
    """Lets submits go when told."""

    def __init__(self, store: FakeStore) -> None:
        super().__init__(store)
        self.go = asyncio.Event()

    async def do(self, operation: Operation[A]) -> A:
        self.asked.append(operation)
        if isinstance(operation, Submit | SubmitMany):
            await self.go.wait()
        return await AsyncFakeStore.do(self, operation)


async def test_who_comes_while_a_batch_is_at_the_store_goes_with_the_next(house: House) -> None:
    slow = SlowStore(house.records)
    house.use(slow, house.publisher)
    first = asyncio.create_task(house.accept(a_job()))
    await eventually_async(lambda: true(len(slow.asked) == 1))
    later = [asyncio.create_task(house.accept(a_job())) for _ in range(5)]
    other = asyncio.create_task(house.accept(a_job("other")))
    await eventually_async(lambda: true(len(slow.asked) == 2))

    slow.go.set()
    told = await asyncio.gather(first, other, *later)

    assert [kind(one) for [one] in told] == ["accepted"] * 7
    submits = [asked for asked in slow.asked if isinstance(asked, Submit | SubmitMany)]
    assert [type(asked) for asked in submits] == [Submit, Submit, SubmitMany]
    assert {submits[0].tenant, submits[1].tenant} == {"dev", "other"}, "tenants do not wait"


async def test_a_store_that_is_away_lets_the_next_try(house: House) -> None:
    house.records.away = True
    first = asyncio.create_task(house.accept(a_job()))
    second = asyncio.create_task(house.accept(a_job()))

    assert [type(one) for one in [*await first, *await second]] == [StoreUnavailable] * 2
    house.records.away = False
    assert [kind(one) for one in await house.accept(a_job())] == ["accepted"]


async def test_who_cannot_be_told_keeps_nobody_from_his_answer(house: House) -> None:
    def trips(_told: Told) -> None:
        raise ZeroDivisionError

    house.gathering.join(a_job(), deadline=in_time(), tell=trips)
    with capture_logs() as logs:
        [second] = await house.accept(a_job())

    assert kind(second) == "accepted"
    assert [e["event"] for e in logs if e["log_level"] == "error"] == ["outcome_not_told"]
