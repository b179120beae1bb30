"""How an attempt ends, is written down and is answered to the broker."""

import json
from typing import Any

import pytest
from msgspec import structs
from structlog.testing import capture_logs

from services.worker.attempts.watching import SlotSilentError
from services.worker.execute import RESULT_BYTES_MAX
from services.worker.intake.deliveries import Answer
from services.worker.slots.client import SlotsUnavailable
from services.worker.slots.terms import Died, Raised, Reported, Returned, Saved
from shared.contracts.answers import (
    ClaimAnswer,
    ClaimVerdict,
    Renewal,
    RenewalVerdict,
    Settled,
    SettleVerdict,
)
from shared.contracts.errors import BrokerUnavailable, StoreUnavailable
from shared.contracts.job import DeadLetterReason, Outcome
from shared.contracts.lifecycle import State
from shared.contracts.operations import (
    Checkpoint,
    Claim,
    Confirm,
    Fail,
    Heartbeat,
    Progress,
    Release,
    Retry,
    Succeed,
)
from tests.fakes.bench import Bench
from tests.fakes.jobs import record
from tests.fakes.scripted import NO, YES

LOST = Settled(verdict=SettleVerdict.LOST)


def raised(kind: str = "error", **facts: Any) -> Raised:
    words = {"kind": kind, "code": "", "message": "boom", "type": "ValueError", "traceback": ""}
    return Raised(**{**words, **facts})


# --- it returned


def test_a_result_is_in_the_store_before_the_message_is_acked() -> None:
    bench = Bench([Returned('{"n":2}')])
    assert bench.run() is Answer.ACK
    assert bench.store.of(Succeed)[0].result == '{"n":2}'
    assert bench.heartbeats.open == 0
    assert bench.outcomes("succeeded") == 1


def test_the_slot_gets_what_the_record_says() -> None:
    bench = Bench([Returned("null")], job=record(attempt=3, checkpoint='{"at":5}'))
    bench.run()
    given = bench.slots.assigned[0]
    assert (given.attempt, given.resume, given.payload) == (3, '{"at":5}', '{"n":1}')


def test_progress_is_thinned_and_the_last_one_comes_with_the_result() -> None:
    reports = [Reported(n, f'{{"current":{n}}}') for n in range(1, 51)]
    bench = Bench([*reports, 0.1, reports[-1], Returned("null")])
    bench.run()
    told = [progress.number for progress in bench.store.of(Progress)]
    assert told[0] == 1
    assert len(told) <= 3
    last = bench.store.of(Succeed)[0].progress
    assert told[-1] == 50 or last == '{"current":50}'


def test_progress_that_the_store_does_not_take_is_kept_for_the_end() -> None:
    bench = Bench([Reported(1, '{"current":1}'), Returned("null")])
    bench.store.answer(Progress, StoreUnavailable())
    assert bench.run() is Answer.ACK
    assert bench.store.of(Succeed)[0].progress == '{"current":1}'


def test_a_checkpoint_is_stored_before_the_failure_that_it_is_for() -> None:
    bench = Bench([Saved('{"row":7}'), raised()])
    bench.store.answer(Checkpoint, StoreUnavailable(), StoreUnavailable(), YES)
    bench.run()
    order = [type(asked) for asked in bench.store.asked]
    assert order.index(Retry) > max(i for i, kind in enumerate(order) if kind is Checkpoint)
    assert bench.store.of(Checkpoint)[-1].data == '{"row":7}'


def test_a_result_that_is_too_large_fails_the_job_for_good() -> None:
    bench = Bench([Returned('"' + "x" * RESULT_BYTES_MAX + '"')])
    assert bench.run() is Answer.NACK
    assert '"result_too_large"' in bench.store.of(Fail)[0].fault.public


# --- it failed


def test_a_retry_is_confirmed_on_the_ladder_before_its_predecessor_is_acked() -> None:
    bench = Bench([raised()])
    assert bench.run() is Answer.ACK
    assert bench.store.of(Retry)[0].delay == 2_000
    ((following, delay),) = bench.publisher.sent
    assert (following.options.dispatch, delay) == (2, 4_000)
    assert [confirm.dispatch for confirm in bench.store.of(Confirm)] == [2]


def test_a_retry_that_cannot_be_published_holds_its_message_until_it_is() -> None:
    bench = Bench([raised()])
    bench.publisher.recover_after(*[BrokerUnavailable()] * 4)
    assert bench.run() is Answer.ACK
    assert bench.publisher.tries == 5
    assert len(bench.store.of(Retry)) == 1


def test_a_retry_that_is_never_confirmed_is_never_acked() -> None:
    bench = Bench([raised()])
    bench.publisher.failures = [BrokerUnavailable()]
    bench.on_pause = lambda: setattr(bench.delivery, "alive", False)
    assert bench.run() is Answer.HOLD
    assert not bench.store.of(Confirm)


def test_a_retry_of_a_cancelled_job_sends_nothing() -> None:
    bench = Bench([raised()])
    bench.settles(Retry, State.CANCELLED)
    assert bench.run() is Answer.ACK
    assert not bench.publisher.sent


def test_a_fail_goes_into_the_record_first_and_then_to_the_dead_letters() -> None:
    bench = Bench([raised("fail", code="declined", message="card declined")])
    assert bench.run() is Answer.NACK
    end = bench.store.of(Fail)[0]
    assert end.reason is DeadLetterReason.NOT_RETRYABLE
    assert "card declined" in end.fault.public


def test_the_last_attempt_fails_the_job() -> None:
    bench = Bench([raised()], job=record(spent=3, attempt=4))
    assert bench.run() is Answer.NACK
    assert bench.store.of(Fail)[0].reason is DeadLetterReason.ATTEMPTS_EXHAUSTED


def test_a_slot_that_dies_is_a_crash_and_the_second_one_poison() -> None:
    death = Died(signal=11, exit_code=None, peak_rss=2**20)
    first, second = Bench([death]), Bench([death], job=record(spent=1, crashes=1))
    assert first.run() is Answer.ACK
    assert first.store.of(Retry)[0].fault.outcome is Outcome.CRASHED
    assert second.run() is Answer.NACK
    assert second.store.of(Fail)[0].reason is DeadLetterReason.POISON
    assert '"poison"' in second.store.of(Fail)[0].fault.error


def test_a_slot_killed_for_its_memory_is_a_crash_with_a_code_of_its_own() -> None:
    overgrown = Died(signal=9, exit_code=None, peak_rss=300 * 2**20, overgrown=True)
    bench = Bench([overgrown], max_rss_bytes=200 * 2**20)
    assert bench.run() is Answer.ACK
    fault = bench.store.of(Retry)[0].fault
    assert fault.outcome is Outcome.CRASHED
    assert json.loads(fault.public)["code"] == "memory_limit_exceeded"
    assert "200 MiB" in json.loads(fault.public)["message"]
    assert bench.slots.assigned[0].max_rss == 200 * 2**20


def test_what_dies_with_its_zygote_is_handed_back_unharmed() -> None:
    bench = Bench([])
    death = Died(signal=9, exit_code=None, peak_rss=0)
    bench.slots._script = [lambda: setattr(bench.slots, "alive", False), death]
    assert bench.run() is Answer.REQUEUE
    # No attempt is used; but a job that kills its zygote each time must not go on for ever.
    assert bench.store.of(Release)[0].lost


def test_a_slot_that_never_started_is_handed_back_unharmed() -> None:
    bench = Bench([Died(signal=None, exit_code=None, peak_rss=0, refused=True)])
    assert bench.run() is Answer.REQUEUE
    assert bench.outcomes("interrupted") == 1
    assert bench.clock.now >= 1002.0  # or it would come round hundreds of times a second


def test_an_attempt_that_no_slot_can_be_had_for_is_handed_back_and_the_worker_is_broken() -> None:
    bench = Bench()
    bench.slots.refusal = SlotsUnavailable()
    assert bench.run() is Answer.REQUEUE
    assert bench.store.of(Release)
    assert bench.broken.is_set()


# --- it ran too long


def test_the_soft_limit_is_raised_once_and_what_it_ends_is_timed_out() -> None:
    bench = Bench([], answers={"interrupt": raised("soft_limit")}, soft_time_limit_seconds=5.0)
    assert bench.run() is Answer.ACK
    assert bench.slots.slots[0].treated == ["interrupt soft_limit"]
    assert bench.store.of(Retry)[0].fault.outcome is Outcome.TIMED_OUT
    assert '"soft_time_limit_exceeded"' in bench.store.of(Retry)[0].fault.public


def test_the_hard_limit_kills_and_counts_no_crash() -> None:
    bench = Bench([], soft_time_limit_seconds=5.0, time_limit_seconds=8.0)
    assert bench.run() is Answer.ACK
    slot = bench.slots.slots[0]
    assert slot.treated == ["interrupt soft_limit", "kill"]
    assert slot.treated_at["kill"] - 1000.0 == pytest.approx(8.0, abs=0.2)
    fault = bench.store.of(Retry)[0].fault
    assert fault.outcome is Outcome.TIMED_OUT
    assert '"time_limit_exceeded"' in fault.public


def test_the_time_a_slot_stands_frozen_counts_towards_no_limit() -> None:
    # The claim lets it run for 12 s; a renewal at 40 s lets it go on.
    bench = Bench([], soft_time_limit_seconds=15.0, time_limit_seconds=18.0)

    def renew() -> None:
        bench.attempt.mailbox.freezes_at = bench.clock.now + 12.0

    bench.slots._script = [40.0, renew]
    with capture_logs() as said:
        bench.run()
    told = [line["event"] for line in said if line["event"].startswith("attempt_")]
    assert told[:2] == ["attempt_frozen", "attempt_continues"]
    slot = bench.slots.slots[0]
    assert slot.treated_at["interrupt soft_limit"] - 1040.0 == pytest.approx(3.0, abs=0.3)
    assert slot.treated_at["kill"] - 1040.0 == pytest.approx(6.0, abs=0.3)


def test_a_thread_is_never_frozen_so_its_limit_stands() -> None:
    bench = Bench([], answers={"interrupt": raised("soft_limit")}, soft_time_limit_seconds=15.0)
    bench.entry = structs.replace(bench.entry, isolation="thread")
    bench.slots._script = [40.0]
    bench.executor = bench._executor()
    bench.run()
    assert bench.slots.slots[0].treated_at["interrupt soft_limit"] - 1015.0 < 0.3


def test_a_killed_slot_that_stays_silent_breaks_the_worker() -> None:
    silent = Reported(1, "{}")
    bench = Bench([], answers={"kill": silent}, time_limit_seconds=1.0)
    with pytest.raises(SlotSilentError):
        bench.run()


# --- it lost its right


def test_an_attempt_that_loses_its_lease_is_killed_and_writes_nothing() -> None:
    bench = Bench([])
    bench.slots._script = [lambda: bench.attempt.mailbox.lose()]  # noqa: PLW0108 - it exists only then
    assert bench.run() is Answer.REQUEUE
    assert bench.slots.slots[0].treated == ["kill"]
    assert [type(asked) for asked in bench.store.asked] == [Claim]


def test_progress_that_is_refused_means_that_the_attempt_is_lost() -> None:
    bench = Bench([Reported(1, "{}")])
    bench.store.answer(Progress, NO)
    assert bench.run() is Answer.REQUEUE
    assert bench.slots.slots[0].treated == ["kill"]


def test_a_settle_that_is_lost_is_given_back_and_counted_as_its_record_says() -> None:
    bench = Bench([Returned("null")])
    bench.store.answer(Succeed, LOST)
    bench.store.answer(Heartbeat, Renewal(verdict=RenewalVerdict.LOST))
    assert bench.run() is Answer.REQUEUE
    assert (bench.outcomes("worker_lost"), bench.outcomes("succeeded")) == (1, 0)


def test_a_record_that_the_store_forgot_is_brought_back_before_its_result_is_given_up() -> None:
    bench = Bench([Returned("null")])
    done = Settled(verdict=SettleVerdict.OK, state=State.SUCCEEDED)
    bench.store.answer(Succeed, LOST, done)
    bench.store.answer(Heartbeat, Renewal(verdict=RenewalVerdict.HOLD))
    assert bench.run() is Answer.ACK


def test_a_bug_in_the_watch_kills_the_slot_before_anything_else() -> None:
    bench = Bench([Reported(1, "{}")])
    bench.store.answer(Progress, ZeroDivisionError())
    with pytest.raises(ZeroDivisionError):
        bench.run()
    assert bench.slots.slots[0].treated == ["kill"]
    assert bench.clock.now < 1002.0
    assert bench.heartbeats.open == 0


# --- the store is away


def test_a_result_waits_for_the_store_as_long_as_it_takes() -> None:
    bench = Bench([Returned("null")])
    done = Settled(verdict=SettleVerdict.OK, state=State.SUCCEEDED)
    bench.store.answer(Succeed, *[StoreUnavailable()] * 50, done)
    assert bench.run() is Answer.ACK
    assert bench.intake.store_away


def test_a_result_is_written_down_even_when_the_broker_is_gone() -> None:
    bench = Bench([])
    bench.slots._script = [lambda: setattr(bench.delivery, "alive", False), Returned("null")]
    bench.run()
    assert bench.store.of(Succeed)


def test_a_worker_that_leaves_gives_up_an_unanswered_settle_without_an_ack() -> None:
    bench = Bench([Returned("null")])
    bench.store.answer(Succeed, StoreUnavailable())
    bench.on_pause = bench.intake.leave
    assert bench.run() is Answer.HOLD


def test_a_claim_that_says_run_is_counted_with_its_queue() -> None:
    bench = Bench([Returned("null")])
    bench.store.answer(Claim, ClaimAnswer(verdict=ClaimVerdict.RUN, job=record()))
    bench.run()
    labels = {"queue": "default", "result": "run"}
    assert bench.metrics.registry.get_sample_value("waymark_jobs_claims_total", labels) == 1
