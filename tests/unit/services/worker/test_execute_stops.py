"""How an attempt that is told to stop is stopped, and what its record says of it."""

from dataclasses import replace
from typing import Any

import pytest

from services.worker.cancelling import StopOrder
from services.worker.intake.deliveries import Answer
from services.worker.slots.terms import Raised, Returned
from shared.contracts.answers import Renewal, RenewalVerdict, Settled, SettleVerdict
from shared.contracts.operations import Heartbeat, Release, Stop, Succeed
from tests.fakes.bench import Bench


def raised(kind: str = "error", **facts: Any) -> Raised:
    words = {"kind": kind, "code": "", "message": "boom", "type": "ValueError", "traceback": ""}
    return Raised(**{**words, **facts})


CANCELLED = raised("cancelled")


def told_to_cancel(bench: Bench, *, grace: float = 9.0) -> None:
    now = bench.clock.now
    bench.attempt.mailbox.cancel(StopOrder("cancelled", now, now + grace))


def told_to_shut_down(bench: Bench) -> None:
    now = bench.clock.now
    bench.attempt.mailbox.shut_down(StopOrder("shutdown", now, now + 3.0))


def test_a_cancelled_job_that_obeys_its_exception_is_cancelled() -> None:
    bench = Bench([], answers={"interrupt": CANCELLED})
    bench.slots._script = [lambda: told_to_cancel(bench)]
    assert bench.run() is Answer.ACK
    assert bench.store.of(Stop)[0].rung == "exception"
    assert bench.slots.slots[0].treated == ["interrupt cancel_asked", "interrupt cancelled"]


def test_a_cancelled_job_that_sees_the_flag_is_cancelled_without_any_force() -> None:
    bench = Bench([], answers={"ask": replace(CANCELLED, heeded="flag")})
    bench.slots._script = [lambda: told_to_cancel(bench)]
    assert bench.run() is Answer.ACK
    assert bench.store.of(Stop)[0].rung == "flag"
    assert bench.slots.slots[0].treated == ["interrupt cancel_asked"]


def test_a_job_that_asked_whether_it_was_cancelled_and_returned_is_cancelled() -> None:
    bench = Bench([], answers={"ask": Returned("1", heeded="flag")})
    bench.slots._script = [lambda: told_to_cancel(bench)]
    assert bench.run() is Answer.ACK
    assert bench.store.of(Stop)[0].rung == "flag"


def test_who_heeds_the_flag_but_tidies_up_until_sigterm_was_stopped_by_that() -> None:
    bench = Bench([], answers={"terminate": replace(CANCELLED, heeded="flag")})
    bench.slots._script = [lambda: told_to_cancel(bench)]
    assert bench.run() is Answer.ACK
    assert bench.store.of(Stop)[0].rung == "term"


def test_a_job_that_ignores_a_cancel_is_terminated_and_then_killed_within_its_grace() -> None:
    bench = Bench([])
    bench.slots._script = [lambda: told_to_cancel(bench, grace=9.0)]
    assert bench.run() is Answer.ACK
    slot = bench.slots.slots[0]
    assert slot.treated == [
        "interrupt cancel_asked",
        "interrupt cancelled",
        "terminate",
        "kill",
    ]
    assert slot.treated_at["interrupt cancelled"] - 1000.0 == pytest.approx(0.5, abs=0.2)
    assert slot.treated_at["terminate"] - 1000.0 == pytest.approx(6.0, abs=0.3)
    assert slot.treated_at["kill"] - 1000.0 == pytest.approx(9.0, abs=0.3)
    assert bench.store.of(Stop)[0].rung == "kill"
    sample = bench.metrics.registry.get_sample_value
    assert sample("waymark_jobs_cancel_duration_seconds_sum", {"rung": "kill"}) == pytest.approx(
        9.0, abs=0.3
    )


def test_a_cancel_whose_attempt_was_lost_meanwhile_is_not_measured() -> None:
    bench = Bench([], answers={"interrupt": CANCELLED})
    bench.slots._script = [lambda: told_to_cancel(bench)]
    bench.store.answer(Stop, Settled(verdict=SettleVerdict.LOST))
    bench.store.answer(Heartbeat, Renewal(verdict=RenewalVerdict.LOST))
    assert bench.run() is Answer.REQUEUE
    count = "waymark_jobs_cancel_duration_seconds_count"
    assert not bench.metrics.registry.get_sample_value(count, {"rung": "exception"})


def test_a_job_that_returns_in_spite_of_a_cancel_has_succeeded() -> None:
    bench = Bench([], answers={"interrupt": Returned("1")})
    bench.slots._script = [lambda: told_to_cancel(bench)]
    assert bench.run() is Answer.ACK
    assert bench.store.of(Succeed)


def test_a_fail_in_answer_to_a_cancel_stays_a_fail() -> None:
    bench = Bench([], answers={"interrupt": raised("fail")})
    bench.slots._script = [lambda: told_to_cancel(bench)]
    assert bench.run() is Answer.NACK


def test_a_job_interrupted_by_a_drain_is_released_and_given_back() -> None:
    bench = Bench([], answers={"interrupt": CANCELLED})
    bench.slots._script = [lambda: told_to_shut_down(bench)]
    assert bench.run() is Answer.REQUEUE
    assert bench.slots.slots[0].treated == ["interrupt shutdown"]
    assert bench.store.of(Release)


def test_a_cancel_stays_a_cancel_when_a_drain_hurries_it() -> None:
    bench = Bench([])
    bench.slots._script = [
        lambda: told_to_cancel(bench, grace=3600.0),
        0.5,
        lambda: told_to_shut_down(bench),
    ]
    assert bench.run() is Answer.ACK
    assert bench.clock.now < 1010.0
    assert bench.store.of(Stop)[0].rung == "kill"
