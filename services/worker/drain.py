"""Stops a worker so that nobody pays for it: nothing new, hand back, let finish, hand back."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, Protocol

import structlog

from services.worker.attempts.attempt import Attempt
from services.worker.cancelling import StopOrder
from services.worker.intake.gate import Intake
from shared.runtime.pacing import pause_thread

CANCEL_SECONDS: Final = 5.0  # for the broker to say that it sends nothing more
STOP_GRACE_SECONDS: Final = 3.0  # from the exception in a handler to its SIGKILL
SETTLE_SECONDS: Final = 5.0  # for what was stopped to be written down
POLL_SECONDS: Final = 0.05

log = structlog.get_logger()


class DrainedCrew(Protocol):
    """The crew, as far as a drain moves it."""

    @property
    def consuming(self) -> int:
        """How many AMQP queues are being consumed."""

    @property
    def busy(self) -> int:
        """How many deliveries are being carried out or waiting."""

    def let_slots_end(self) -> None:
        """Let the slot threads take nothing more."""

    def give_back_waiting(self) -> int:
        """Requeue what has not started."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Patience:
    """How long running jobs may go on, and whether somebody has asked to hurry."""

    seconds: float
    hurried: Callable[[], bool]


def drain(
    crew: DrainedCrew,
    intake: Intake,
    running: Callable[[], list[Attempt]],
    patience: Patience,
    *,
    monotonic: Callable[[], float] = time.monotonic,
    pause: Callable[[float], None] = pause_thread,
) -> bool:
    """Return once nothing runs, or what runs does not obey; True when all was handed back."""

    def wait(over: Callable[[], bool], seconds: float) -> bool:
        deadline = monotonic() + seconds
        while not over():
            if monotonic() >= deadline:
                return False
            pause(POLL_SECONDS)
        return True

    def idle() -> bool:
        # Again each time: a thread that was just taking something puts it back, and a broker that
        # was slow to answer may have sent more.
        crew.give_back_waiting()
        return crew.busy == 0

    log.info("drain_started", running=len(running()))
    intake.drain()
    crew.let_slots_end()
    # First every consumer, then the requeues: a requeue frees prefetch, and more would come.
    wait(lambda: crew.consuming == 0, CANCEL_SECONDS)
    log.info("drain_gave_back", waiting=crew.give_back_waiting())
    wait(lambda: idle() or patience.hurried(), patience.seconds)
    if not idle():
        now = monotonic()
        for attempt in running():
            attempt.mailbox.shut_down(StopOrder("shutdown", now, now + STOP_GRACE_SECONDS))
        wait(idle, STOP_GRACE_SECONDS + SETTLE_SECONDS)
    intake.leave()
    done = wait(idle, SETTLE_SECONDS)
    log.info("drain_ended", handed_back=done, left=crew.busy)
    return done
