"""What becomes of a delivery before its job runs: every row of the claim table, and trouble."""

from typing import Any

import pytest

from services.worker.intake.deliveries import Answer
from services.worker.slots.terms import Returned
from shared.contracts.answers import (
    ClaimAnswer,
    ClaimVerdict,
    ParkVerdict,
    Renewal,
    RenewalVerdict,
)
from shared.contracts.errors import BrokerUnavailable, StoreUnavailable
from shared.contracts.lifecycle import State
from shared.contracts.operations import Claim, Confirm, Heartbeat, Park, Read, Succeed
from shared.contracts.overdue import Expect
from tests.fakes.bench import Bench, FakeDelivery
from tests.fakes.jobs import message, record
from tests.fakes.slots import entry

OK = [Returned("null")]


def claimed(bench: Bench, verdict: ClaimVerdict, **facts: Any) -> None:
    bench.store.answer(Claim, ClaimAnswer(verdict=verdict, **facts))


@pytest.mark.parametrize("verdict", [ClaimVerdict.LIVE, ClaimVerdict.NOT_DUE, ClaimVerdict.PAUSED])
def test_who_must_wait_goes_round_the_ladder_before_its_message_is_acked(
    verdict: ClaimVerdict,
) -> None:
    bench = Bench()
    claimed(bench, verdict, delay=7_000)
    assert bench.run() is Answer.ACK
    assert bench.publisher.sent == [(bench.delivery.job, 7_000)]
    assert not bench.slots.assigned


def test_the_store_hears_that_the_queue_was_paused_a_moment_ago() -> None:
    bench = Bench()
    for paused in ((), ("default",)):
        bench.intake.pause(paused)
        claimed(bench, ClaimVerdict.PAUSED, delay=10_000)
        bench.run()

    assert [claim.paused for claim in bench.store.of(Claim)] == [False, True]


def test_a_wait_of_nothing_still_takes_the_ladder() -> None:
    bench = Bench()
    claimed(bench, ClaimVerdict.NOT_DUE, delay=0)
    bench.run()
    assert bench.publisher.sent[0][1] > 0


def test_a_stale_message_whose_successor_is_safe_is_acked() -> None:
    bench = Bench()
    claimed(bench, ClaimVerdict.STALE)
    assert bench.run() is Answer.ACK
    assert bench.publisher.sent == []


def test_a_stale_message_is_acked_only_after_its_successor_was_published() -> None:
    bench = Bench()
    successor = message(dispatch=2)
    claimed(bench, ClaimVerdict.STALE, publish=successor)
    assert bench.run() is Answer.ACK
    assert bench.publisher.sent == [(successor, 0)]
    assert [confirm.dispatch for confirm in bench.store.of(Confirm)] == [2]


@pytest.mark.parametrize(
    "verdict", [ClaimVerdict.FINAL, ClaimVerdict.CANCELLED, ClaimVerdict.EXPIRED]
)
def test_what_is_over_is_acked(verdict: ClaimVerdict) -> None:
    bench = Bench()
    claimed(bench, verdict)
    assert bench.run() is Answer.ACK


@pytest.mark.parametrize("verdict", [ClaimVerdict.POISON, ClaimVerdict.EXHAUSTED])
def test_what_has_no_budget_left_goes_to_the_dead_letters(verdict: ClaimVerdict) -> None:
    bench = Bench()
    claimed(bench, verdict)
    assert bench.run() is Answer.NACK


def test_a_message_that_cannot_go_round_is_held_until_it_can() -> None:
    bench = Bench()
    claimed(bench, ClaimVerdict.LIVE, delay=7_000)
    bench.publisher.recover_after(*[BrokerUnavailable()] * 5)
    assert bench.run() is Answer.ACK
    assert bench.publisher.tries == 6


def test_a_message_that_cannot_go_round_is_left_to_redelivery_when_its_connection_dies() -> None:
    bench = Bench()
    claimed(bench, ClaimVerdict.LIVE, delay=7_000)
    bench.publisher.failures = [BrokerUnavailable()]
    bench.on_pause = lambda: setattr(bench.delivery, "alive", False)
    assert bench.run() is Answer.HOLD


def test_a_drain_gives_back_a_message_that_cannot_go_round() -> None:
    bench = Bench()
    claimed(bench, ClaimVerdict.STALE, publish=message(dispatch=2))
    bench.publisher.failures = [BrokerUnavailable()]
    bench.on_pause = bench.intake.drain
    assert bench.run() is Answer.REQUEUE


def test_a_store_that_does_not_answer_closes_the_intake_and_the_same_claim_is_repeated() -> None:
    bench = Bench(OK)
    run = ClaimAnswer(verdict=ClaimVerdict.RUN, job=record())
    bench.store.answer(Claim, StoreUnavailable(), StoreUnavailable(), run)
    assert bench.run() is Answer.ACK
    assert bench.intake.store_away
    assert len({claim.token for claim in bench.store.of(Claim)}) == 1


def test_a_drain_gives_back_what_could_not_be_claimed() -> None:
    bench = Bench()
    bench.store.answer(Claim, StoreUnavailable())
    bench.on_pause = bench.intake.drain
    assert bench.run() is Answer.REQUEUE


def test_a_claim_answered_too_late_for_a_slot_is_renewed_first() -> None:
    bench = Bench(OK)

    def late() -> ClaimAnswer:
        bench.clock.now += 13.0
        return ClaimAnswer(verdict=ClaimVerdict.RUN, job=record())

    bench.store.answer(Claim, late)
    bench.store.answer(
        Heartbeat, Renewal(verdict=RenewalVerdict.HOLD), Renewal(verdict=RenewalVerdict.OK)
    )
    assert bench.run() is Answer.ACK
    assert bench.slots.assigned[0].sent_at >= 1013.0


def test_a_late_claim_that_was_lost_meanwhile_is_given_back() -> None:
    bench = Bench(OK)

    def late() -> ClaimAnswer:
        bench.clock.now += 13.0
        return ClaimAnswer(verdict=ClaimVerdict.RUN, job=record())

    bench.store.answer(Claim, late)
    bench.store.answer(Heartbeat, Renewal(verdict=RenewalVerdict.LOST))
    assert bench.run() is Answer.REQUEUE
    assert not bench.slots.assigned
    assert bench.outcomes("worker_lost") == 1


def test_a_delivery_whose_connection_is_gone_is_not_even_claimed() -> None:
    bench = Bench()
    bench.delivery.alive = False
    assert bench.run() is Answer.HOLD
    assert not bench.store.asked


def test_nothing_is_begun_in_a_drain_or_without_a_zygote() -> None:
    draining, orphaned = Bench(), Bench()
    draining.intake.drain()
    orphaned.slots.alive = False
    # What a worker without a zygote gave back would be delivered to it again until it ends.
    assert (draining.run(), orphaned.run()) == (Answer.REQUEUE, Answer.HOLD)
    assert not draining.store.asked + orphaned.store.asked


# --- types this worker does not know


def unknown(bench: Bench, **facts: Any) -> FakeDelivery:
    bench.delivery = FakeDelivery(message(**{"type": "other", **facts}))
    return bench.delivery


def test_an_unknown_type_goes_round_ever_more_slowly() -> None:
    bench = Bench()
    unknown(bench)
    assert {bench.run() for _ in range(8)} == {Answer.ACK}
    delays = [delay for _, delay in bench.publisher.sent]
    assert delays == [2_000, 4_000, 8_000, 16_000, 32_000, 60_000, 60_000, 60_000]
    assert not bench.store.of(Claim)


def test_the_store_is_told_when_an_unknown_type_should_be_back() -> None:
    bench = Bench()
    unknown(bench)
    bench.run()
    bench.run()
    expected = [(asked.job, asked.dispatch, asked.delay) for asked in bench.store.of(Expect)]
    job = bench.delivery.job
    assert expected == [(job.job, job.options.dispatch, delay) for delay in (2_000, 4_000)]


def test_a_newer_version_of_a_known_type_goes_round_too() -> None:
    bench = Bench()
    unknown(bench, type="demo", type_version=entry().version + 1)
    bench.run()
    assert bench.publisher.sent


def test_an_older_version_of_a_known_type_runs() -> None:
    bench = Bench(OK)
    unknown(bench, type="demo", type_version=1)
    assert bench.run() is Answer.ACK
    assert bench.slots.assigned


def test_a_type_that_nobody_has_announced_for_ten_minutes_becomes_a_dead_letter() -> None:
    bench = Bench()
    unknown(bench)
    bench.store.answer(Park, ParkVerdict.PARKED)
    bench.clock.now += 599.0
    bench.types.seen([])
    assert [bench.run() for _ in range(3)] == [Answer.ACK] * 3
    bench.clock.now += 1.0
    bench.types.seen([])
    assert bench.run() is Answer.NACK
    assert '"unknown_type"' in bench.store.of(Park)[0].fault.public


def test_a_dispatch_is_given_up_only_after_a_look_that_is_younger_than_itself() -> None:
    bench = Bench()
    unknown(bench)
    bench.store.answer(Park, ParkVerdict.PARKED)
    bench.clock.now += 600.0
    bench.types.seen([])
    assert [bench.run() for _ in range(3)] == [Answer.ACK, Answer.ACK, Answer.NACK]


def test_a_type_that_another_worker_announces_never_becomes_a_dead_letter() -> None:
    bench = Bench()
    unknown(bench)
    for _ in range(100):
        bench.clock.now += 60.0
        bench.types.seen(["other"])
    assert bench.run() is Answer.ACK


def test_a_registry_that_cannot_be_read_condemns_no_type() -> None:
    bench = Bench()
    unknown(bench)
    bench.clock.now += 10_000.0
    assert bench.run() is Answer.ACK


def test_a_parked_message_that_is_not_current_goes_round_until_its_job_is_final() -> None:
    bench = Bench()
    unknown(bench)
    bench.clock.now += 600.0
    bench.types.seen([])
    bench.store.answer(Park, ParkVerdict.REFUSED)
    bench.store.answer(Read, record(state=State.RUNNING), record(state=State.SUCCEEDED))
    assert [bench.run() for _ in range(3)] == [Answer.ACK] * 3
    assert len(bench.publisher.sent) == 3
    assert bench.run() is Answer.ACK
    assert len(bench.publisher.sent) == 3


def test_each_attempt_claims_with_a_token_of_its_own() -> None:
    bench = Bench(OK)
    bench.run()
    bench.run()
    tokens = [claim.token for claim in bench.store.of(Claim)]
    assert len(set(tokens)) == len(tokens)
    assert all(len(token) == 32 for token in tokens)
    assert bench.store.of(Succeed)[0].token == tokens[0]
