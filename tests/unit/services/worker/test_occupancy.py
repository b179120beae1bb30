"""What the slots are said to do, while they do it."""

from collections.abc import Callable

import pytest

from services.worker.intake.deliveries import Answer
from services.worker.observers import SlotGauge
from services.worker.occupancy import Occupancy
from services.worker.slots.terms import Died, Returned
from tests.fakes.bench import Bench

LEASE_LESS_MARGIN = 12.0  # seconds


def states(bench: Bench) -> dict[str, float | None]:
    sample = bench.metrics.registry.get_sample_value
    return {
        state: sample("waymark_worker_slots", {"state": state})
        for state in ("busy", "idle", "starting", "frozen")
    }


def in_flight(bench: Bench) -> float | None:
    return bench.metrics.registry.get_sample_value("waymark_jobs_in_flight", {"queue": "default"})


def frozen_seconds(bench: Bench) -> float | None:
    return bench.metrics.registry.get_sample_value("waymark_worker_frozen_seconds_total")


def looking(bench: Bench, look: Callable[[], None], *then: object) -> Answer:
    """Run an attempt during which `look` is called; `then` is how it goes on."""
    bench.metrics.occupancy.slots = 3
    bench.slots._script = [look, *then]  # type: ignore[list-item]
    bench.metrics.occupancy.take()
    try:
        return bench.run()
    finally:
        bench.metrics.occupancy.leave()


def test_a_slot_with_a_delivery_starts_and_is_busy_once_its_job_is_claimed() -> None:
    bench, seen = Bench(), []
    gauge = SlotGauge(bench.metrics.occupancy)
    bench.metrics.occupancy.slots = 2
    gauge.before_process_message(None, None)  # type: ignore[arg-type]
    assert states(bench) == {"busy": 0, "idle": 1, "starting": 1, "frozen": 0}
    bench.slots._script = [lambda: seen.append((states(bench), in_flight(bench))), Returned("1")]
    bench.run()
    gauge.after_process_message(None, None)  # type: ignore[arg-type]

    assert seen == [({"busy": 1, "idle": 1, "starting": 0, "frozen": 0}, 1)]
    assert states(bench) == {"busy": 0, "idle": 2, "starting": 0, "frozen": 0}
    assert in_flight(bench) == 0


def test_a_frozen_slot_is_frozen_and_in_flight_and_its_time_is_counted_while_it_stands() -> None:
    bench, seen = Bench(), []

    def look() -> None:
        seen.append((states(bench), in_flight(bench), frozen_seconds(bench)))

    looking(bench, lambda: None, LEASE_LESS_MARGIN + 5.0, look, Returned("1"))

    ((frozen, running, seconds),) = seen
    assert frozen == {"busy": 0, "idle": 2, "starting": 0, "frozen": 1}
    assert running == 1
    assert seconds == pytest.approx(5.0, abs=0.3)


def test_a_renewal_makes_it_busy_again() -> None:
    bench, seen = Bench(), []

    def renew() -> None:
        bench.attempt.mailbox.freezes_at = bench.clock.now + LEASE_LESS_MARGIN

    def look() -> None:
        seen.append((states(bench), frozen_seconds(bench)))

    looking(bench, lambda: None, LEASE_LESS_MARGIN + 2.0, renew, 1.0, look, Returned("1"))

    ((going_on, seconds),) = seen
    assert going_on["busy"] == 1
    assert going_on["frozen"] == 0
    assert seconds == pytest.approx(2.0, abs=0.3)


@pytest.mark.parametrize("end", [Returned("1"), Died(signal=9, exit_code=None, peak_rss=0)])
def test_a_slot_that_ends_frozen_is_not_frozen_for_ever(end: Returned | Died) -> None:
    bench = Bench()

    looking(bench, lambda: None, LEASE_LESS_MARGIN + 2.0, end)

    assert states(bench) == {"busy": 0, "idle": 3, "starting": 0, "frozen": 0}
    assert in_flight(bench) == 0


def test_the_states_always_add_up_to_all_slots() -> None:
    occupancy = Occupancy(4)
    for step in (
        occupancy.take,
        lambda: occupancy.begin("a"),
        occupancy.take,
        occupancy.freeze,
        lambda: occupancy.begin("b"),
        occupancy.thaw,
        lambda: occupancy.end("a"),
        occupancy.leave,
    ):
        step()
        assert sum(occupancy.states.values()) == 4
