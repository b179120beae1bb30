"""The order of a drain, and how long it waits for whom."""

from collections.abc import Callable

from services.worker.attempts.attempt import Attempt
from services.worker.drain import CANCEL_SECONDS, STOP_GRACE_SECONDS, Patience, drain
from services.worker.intake.gate import Intake
from tests.fakes.hands import HandClock
from tests.fakes.jobs import message, record


class FakeCrew:
    """Stops consuming `cancel_after` seconds, and working `work_ends_after` seconds later."""

    def __init__(
        self, clock: HandClock, *, cancel_after: float = 0.2, ends: Callable[[], bool]
    ) -> None:
        self._clock = clock
        self._cancelled_at = clock.now + cancel_after
        self._ends = ends
        self.log: list[tuple[str, float]] = []

    @property
    def consuming(self) -> int:
        return int(self._clock.now < self._cancelled_at)

    @property
    def busy(self) -> int:
        return int(not self._ends())

    def let_slots_end(self) -> None:
        self.log.append(("slots", self._clock.now))

    def give_back_waiting(self) -> int:
        self.log.append(("give back", self._clock.now))
        return 1


def attempt_of(clock: HandClock) -> Attempt:
    return Attempt(message=message(), job=record(), token="t", sent_at=clock.now)


def patience(seconds: float, *, hurried: Callable[[], bool] = lambda: False) -> Patience:
    return Patience(seconds=seconds, hurried=hurried)


def test_nothing_is_given_back_before_the_broker_has_stopped_sending() -> None:
    clock, intake = HandClock(), Intake()
    crew = FakeCrew(clock, cancel_after=1.0, ends=lambda: True)
    assert drain(crew, intake, list, patience(30.0), monotonic=clock.monotonic, pause=clock.pause)
    assert not intake.open
    assert [what for what, _ in crew.log[:2]] == ["slots", "give back"]
    assert crew.log[1][1] >= 1001.0


def test_a_broker_that_does_not_answer_delays_a_drain_only_so_long() -> None:
    clock = HandClock()
    crew = FakeCrew(clock, cancel_after=1e9, ends=lambda: True)
    drain(crew, Intake(), list, patience(30.0), monotonic=clock.monotonic, pause=clock.pause)
    assert clock.now - 1000.0 <= CANCEL_SECONDS + 1.0


def test_what_comes_late_is_given_back_too_and_not_waited_for() -> None:
    # A slot thread that was just taking it puts it back, or a slow broker has sent it on.
    clock = HandClock()
    crew = FakeCrew(clock, ends=lambda: crew.log[-1][1] >= 1002.0)
    assert drain(crew, Intake(), list, patience(30.0), monotonic=clock.monotonic, pause=clock.pause)
    assert clock.now < 1003.0


def test_a_job_that_ends_in_time_is_not_told_to_stop() -> None:
    clock = HandClock()
    attempt = attempt_of(clock)
    crew = FakeCrew(clock, ends=lambda: clock.now >= 1010.0)
    assert drain(
        crew,
        Intake(),
        lambda: [attempt],
        patience(30.0),
        monotonic=clock.monotonic,
        pause=clock.pause,
    )
    assert attempt.mailbox.order is None


def test_a_job_that_does_not_is_stopped_within_the_grace() -> None:
    clock, intake = HandClock(), Intake()
    attempt = attempt_of(clock)
    crew = FakeCrew(clock, ends=lambda: attempt.mailbox.order is not None)
    assert drain(
        crew,
        intake,
        lambda: [attempt],
        patience(30.0),
        monotonic=clock.monotonic,
        pause=clock.pause,
    )
    order = attempt.mailbox.order
    assert order is not None
    assert order.since >= 1030.0
    assert order.deadline == order.since + STOP_GRACE_SECONDS


def test_a_hurried_drain_does_not_wait_for_jobs_to_end() -> None:
    clock = HandClock()
    attempt = attempt_of(clock)
    crew = FakeCrew(clock, ends=lambda: attempt.mailbox.order is not None)
    hurried = patience(300.0, hurried=lambda: clock.now >= 1002.0)
    drain(
        crew,
        Intake(),
        lambda: [attempt],
        hurried,
        monotonic=clock.monotonic,
        pause=clock.pause,
    )
    assert clock.now < 1003.0


def test_what_never_ends_is_left_behind_after_a_bounded_time() -> None:
    clock, intake = HandClock(), Intake()
    crew = FakeCrew(clock, ends=lambda: False)
    attempt = attempt_of(clock)
    assert not drain(
        crew,
        intake,
        lambda: [attempt],
        patience(5.0),
        monotonic=clock.monotonic,
        pause=clock.pause,
    )
    assert intake.leaving
    assert clock.now - 1000.0 < 30.0
