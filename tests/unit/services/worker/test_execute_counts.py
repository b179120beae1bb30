"""What an attempt, and a job that ends with it, is counted as."""

from typing import Any

import pytest
from msgspec import structs

from services.worker.intake.deliveries import Answer
from services.worker.slots.terms import Died, Raised, Returned
from shared.contracts.answers import (
    ClaimAnswer,
    ClaimVerdict,
    ParkVerdict,
    Renewal,
    RenewalVerdict,
    Settled,
    SettleVerdict,
)
from shared.contracts.job import DeadLetterReason, JobRecord
from shared.contracts.lifecycle import State
from shared.contracts.operations import Claim, Heartbeat, Park, Retry, Succeed
from shared.contracts.webhooks import DELIVER
from tests.fakes.bench import Bench
from tests.fakes.jobs import message, record
from tests.fakes.slots import Step

OF_DEMO = {"queue": "default", "type": "demo"}
SIGNAL = Died(signal=11, exit_code=None, peak_rss=0)
EXIT = Died(signal=None, exit_code=3, peak_rss=0)
OVERGROWN = Died(signal=9, exit_code=None, peak_rss=0, overgrown=True)


def raised(kind: str = "error", code: str = "error", name: str = "ValueError") -> Raised:
    return Raised(kind=kind, code=code, message="boom", type=name, traceback="")


def count(bench: Bench, name: str, **labels: str) -> float | None:
    return bench.metrics.registry.get_sample_value(f"waymark_{name}", labels)


def counted(bench: Bench, name: str) -> dict[tuple[str, ...], float]:
    """Return what of a family is not 0, by the labels that are not the queue's and the type's."""
    return {
        tuple(value for label, value in sample.labels.items() if label not in OF_DEMO): sample.value
        for family in bench.metrics.registry.collect()
        for sample in family.samples
        if sample.name == f"waymark_{name}" and sample.value
    }


def ran(*script: Step, job: JobRecord | None = None, **limits: Any) -> Bench:
    bench = Bench(script, job=job, **limits)
    bench.run()
    return bench


def test_a_job_that_succeeds_has_started_and_finished_without_a_code() -> None:
    bench = ran(Returned("1"))

    assert count(bench, "jobs_started_total", **OF_DEMO) == 1
    assert counted(bench, "jobs_finished_total") == {("succeeded", ""): 1}
    assert counted(bench, "jobs_end_to_end_seconds_count") == {("succeeded",): 1}
    assert counted(bench, "jobs_dead_lettered_total") == {}


def test_how_long_a_redriven_job_took_is_not_measured() -> None:
    bench = ran(Returned("1"), job=structs.replace(record(), redrives=1))

    assert counted(bench, "jobs_finished_total") == {("succeeded", ""): 1}
    assert counted(bench, "jobs_end_to_end_seconds_count") == {}


@pytest.mark.parametrize("code", ["card_declined", "poison"])
def test_a_code_that_a_handler_made_up_is_counted_as_the_handler_s(code: str) -> None:
    bench = ran(raised("fail", code))

    assert counted(bench, "jobs_finished_total") == {("failed", "handler"): 1}
    assert counted(bench, "jobs_dead_lettered_total") == {("not_retryable",): 1}


@pytest.mark.parametrize(
    ("last", "code"),
    [
        (raised(), "error"),
        (raised("retry", "retry"), "retry"),
        (raised("soft_limit", ""), "soft_time_limit_exceeded"),
        (SIGNAL, "crashed"),
        (OVERGROWN, "memory_limit_exceeded"),
    ],
)
def test_a_last_attempt_fails_its_job_under_a_code_of_the_house(last: Step, code: str) -> None:
    bench = ran(last, job=record(max_attempts=1))

    assert counted(bench, "jobs_finished_total") == {("failed", code): 1}
    assert counted(bench, "jobs_dead_lettered_total") == {("attempts_exhausted",): 1}
    assert counted(bench, "jobs_retries_total") == {}


def test_payloads_that_do_not_fit_and_results_of_no_use_have_codes_of_their_own() -> None:
    no_json = ran(raised("fail", "result_not_json", "WaymarkError"))
    misfit, large = ran(raised("payload", "")), ran(Returned('"' + "x" * 2**18 + '"'))

    assert counted(no_json, "jobs_finished_total") == {("failed", "result_not_json"): 1}
    assert counted(misfit, "jobs_finished_total") == {("failed", "invalid_payload"): 1}
    assert counted(large, "jobs_finished_total") == {("failed", "result_too_large"): 1}


@pytest.mark.parametrize(
    ("last", "reason"),
    [
        (raised(), "exception"),
        (raised("retry", "retry"), "asked"),
        (raised("soft_limit", ""), "soft_time_limit"),
        (SIGNAL, "crashed"),
        (OVERGROWN, "memory_limit"),
    ],
)
def test_what_is_tried_again_is_counted_by_why_and_has_not_finished(
    last: Step, reason: str
) -> None:
    bench = ran(last)

    assert counted(bench, "jobs_retries_total") == {(reason,): 1}
    assert counted(bench, "jobs_finished_total") == {}


def test_an_attempt_killed_at_its_time_limit_is_no_crash() -> None:
    bench = ran(10.0, time_limit_seconds=1.0)

    assert counted(bench, "jobs_retries_total") == {("time_limit",): 1}
    assert counted(bench, "worker_slot_crashes_total") == {}


@pytest.mark.parametrize(
    ("death", "cause"), [(SIGNAL, "signal"), (EXIT, "exit"), (OVERGROWN, "memory")]
)
def test_a_crash_is_counted_by_its_cause(death: Died, cause: str) -> None:
    assert counted(ran(death), "worker_slot_crashes_total") == {(cause,): 1}


def test_a_second_crash_is_poison() -> None:
    bench = ran(SIGNAL, job=record(crashes=1))

    assert counted(bench, "jobs_finished_total") == {("failed", "poison"): 1}
    assert counted(bench, "jobs_dead_lettered_total") == {("poison",): 1}
    assert counted(bench, "worker_slot_crashes_total") == {("signal",): 1}


def test_a_failed_attempt_of_a_cancelled_job_is_no_retry() -> None:
    bench = Bench([raised()])
    bench.settles(Retry, State.CANCELLED)
    bench.run()

    assert counted(bench, "jobs_finished_total") == {("cancelled", ""): 1}
    assert counted(bench, "jobs_retries_total") == {}


def test_what_the_store_does_not_take_has_not_finished() -> None:
    bench = Bench([Returned("1")])
    bench.store.answer(Succeed, Settled(verdict=SettleVerdict.LOST))
    bench.store.answer(Heartbeat, Renewal(verdict=RenewalVerdict.LOST))
    bench.run()

    assert counted(bench, "jobs_finished_total") == {}
    assert bench.outcomes("worker_lost") == 1


@pytest.mark.parametrize(
    ("answer", "finished", "dead"),
    [
        (ClaimAnswer(verdict=ClaimVerdict.CANCELLED), ("cancelled", ""), None),
        (ClaimAnswer(verdict=ClaimVerdict.EXPIRED), ("expired", ""), None),
        (
            ClaimAnswer(verdict=ClaimVerdict.POISON, code="poison"),
            ("failed", "poison"),
            DeadLetterReason.POISON,
        ),
        (
            ClaimAnswer(verdict=ClaimVerdict.EXHAUSTED, code="too_many_steps"),
            ("failed", "too_many_steps"),
            DeadLetterReason.ATTEMPTS_EXHAUSTED,
        ),
    ],
)
def test_a_claim_that_ends_a_job_counts_its_end(
    answer: ClaimAnswer, finished: tuple[str, str], dead: DeadLetterReason | None
) -> None:
    bench = Bench()
    bench.store.answer(Claim, answer)
    bench.run()

    assert counted(bench, "jobs_finished_total") == {finished: 1}
    assert counted(bench, "jobs_dead_lettered_total") == ({(dead,): 1} if dead else {})
    assert counted(bench, "jobs_started_total") == {}


def test_a_claim_of_what_has_ended_before_counts_no_end() -> None:
    bench = Bench()
    bench.store.answer(Claim, ClaimAnswer(verdict=ClaimVerdict.FINAL))
    bench.run()

    assert counted(bench, "jobs_finished_total") == {}


def test_a_type_that_nobody_knows_is_there_at_0_long_before_it_is_a_dead_letter() -> None:
    bench = Bench()
    bench.delivery.job = message(type="gone")
    labels = {"queue": "default", "type": "gone"}
    bench.run()
    assert count(bench, "jobs_dead_lettered_total", reason="unknown_type", **labels) == 0

    bench.store.answer(Park, ParkVerdict.PARKED)
    bench.run()
    bench.clock.now += 601
    bench.types.seen(["demo"])
    assert bench.run() is Answer.NACK

    assert count(bench, "jobs_dead_lettered_total", reason="unknown_type", **labels) == 1
    failed = {"outcome": "failed", "code": "unknown_type"}
    assert count(bench, "jobs_finished_total", **failed, **labels) == 1


def test_a_park_of_what_has_ended_or_gone_before_counts_no_end() -> None:
    bench = Bench()
    bench.delivery.job = message(type="gone")
    bench.store.answer(Park, ParkVerdict.LEFT)
    bench.clock.now += 601
    bench.types.seen(["demo"])

    assert [bench.run() for _ in range(3)] == [Answer.ACK, Answer.ACK, Answer.NACK]
    assert counted(bench, "jobs_finished_total") == {}
    assert counted(bench, "jobs_dead_lettered_total") == {}


@pytest.mark.parametrize(
    ("last", "outcome"),
    [(Returned("1"), "delivered"), (raised("retry"), "retried"), (raised("fail"), "given_up")],
)
def test_deliveries_of_webhooks_are_counted_by_how_they_ended(last: Step, outcome: str) -> None:
    bench = ran(0.1, last, job=structs.replace(record(), type=DELIVER))

    assert counted(bench, "webhooks_deliveries_total") == {(outcome,): 1}
    assert counted(bench, "webhooks_delivery_duration_seconds_sum") == {(): pytest.approx(0.1)}


def test_other_jobs_are_no_webhooks() -> None:
    assert counted(ran(Returned("1")), "webhooks_deliveries_total") == {}


def test_nothing_that_happens_adds_a_series() -> None:
    bench = Bench([raised()])
    bench.metrics.expect([bench.entry])
    before = series(bench)

    for step in (Returned("1"), raised("fail", "made_up"), raised("retry"), SIGNAL, OVERGROWN):
        bench.slots._script = [step]
        bench.run()

    assert series(bench) == before


def series(bench: Bench) -> set[tuple[str, tuple[tuple[str, str], ...]]]:
    return {
        (sample.name, tuple(sample.labels.items()))
        for family in bench.metrics.registry.collect()
        for sample in family.samples
    }
