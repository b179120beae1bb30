"""Watches one slot until its attempt has ended: progress out, limits and orders in."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from typing import Final

import structlog

from services.worker.attempts.attempt import Mailbox
from services.worker.attempts.telling import Teller
from services.worker.cancelling import CANCELLED, Rung, rung_due
from services.worker.limits import Deadlines, LimitStep, limit_step
from services.worker.occupancy import Occupancy
from services.worker.slots.terms import (
    CANCEL_ASKED,
    Called,
    Died,
    Raised,
    Reported,
    Returned,
    Saved,
    Slot,
)

POLL_SECONDS: Final = 0.1  # how late a limit, a cancel or a loss may be noticed
KILL_SECONDS: Final = 10.0  # a killed slot that says nothing for so long has lost its zygote

log = structlog.get_logger()


class SlotSilentError(Exception):
    """A killed slot was never reported dead: its zygote cannot be trusted any more."""


class Why(StrEnum):
    """Who ended the attempt."""

    ITSELF = "itself"
    HARD_LIMIT = "hard_limit"
    CANCEL = "cancel"
    SHUTDOWN = "shutdown"
    LOST = "lost"


@dataclass(frozen=True, slots=True, kw_only=True)
class Ended:
    """The attempt's last word, who made it say so, and how hard it was asked to stop."""

    event: Returned | Raised | Died
    why: Why
    rung: Rung


class Watch:
    """One slot, watched by the thread that started it."""

    def __init__(
        self,
        slot: Slot,
        *,
        mailbox: Mailbox,
        deadlines: Deadlines,
        teller: Teller,
        freezes: bool = True,
        occupancy: Occupancy,
        called: Callable[[Called], None],
        monotonic: Callable[[], float],
    ) -> None:
        """Describe it; `deadlines` by the clock `monotonic` (seconds).

        `occupancy` is told of freezes, `called` of what the handler has called.

        `freezes`: the slot stands still while its lease is not renewed, as a process does.
        """
        self._slot = slot
        self._mailbox = mailbox
        self._deadlines = deadlines
        self._teller = teller
        self._monotonic = monotonic
        self._soft_told = False
        self._looked_at = monotonic()
        self._freezes_at = mailbox.freezes_at
        self._freezes = freezes
        self._occupancy = occupancy
        self._called = called
        self._frozen = False
        self._frozen_for = 0.0
        self._rung = Rung.NONE
        self._killed_at: float | None = None
        self._why = Why.ITSELF

    def until_end(self) -> Ended:
        """Return when the attempt has ended and its process is gone.

        Raises:
            SlotSilentError: it was killed and nothing was heard for 10 s.
        """
        try:
            return self._follow()
        except SlotSilentError:
            raise
        except Exception:
            # A bug of ours: the handler must not go on without anybody to watch over it.
            self._abandon()
            raise
        finally:
            if self._frozen:
                self._occupancy.thaw()

    def _follow(self) -> Ended:
        while True:
            event = self._slot.next_event(POLL_SECONDS)
            if isinstance(event, Returned | Raised | Died):
                return Ended(event=event, why=self._why, rung=self._rung)
            if isinstance(event, Reported):
                self._teller.report(event)
            elif isinstance(event, Saved):
                self._teller.save(event)
            elif isinstance(event, Called):
                self._called(event)
            if not self._teller.tell():
                self._mailbox.lose()
            now = self._monotonic()
            self._note_freeze(now)
            self._press(now)

    def _note_freeze(self, now: float) -> None:
        """Count for how long the slot has stood frozen: that is no fault of the job's."""
        if not self._freezes:
            return
        stood = now - max(self._looked_at, self._freezes_at)
        if stood > 0:
            self._frozen_for += stood
            self._occupancy.stand(stood)
        self._looked_at, self._freezes_at = now, self._mailbox.freezes_at
        if self._frozen == (now >= self._freezes_at):
            return
        self._frozen = not self._frozen
        if self._frozen:
            self._occupancy.freeze()
            log.warning("attempt_frozen", why="its lease is not renewed", then="waits for that")
        else:
            self._occupancy.thaw()
            log.info("attempt_continues", frozen_seconds=round(self._frozen_for, 1))

    def _abandon(self) -> None:
        self._slot.kill()
        deadline = self._monotonic() + KILL_SECONDS
        while self._monotonic() < deadline:
            if isinstance(self._slot.next_event(POLL_SECONDS), Returned | Raised | Died):
                return

    def _press(self, now: float) -> None:
        if self._killed_at is not None:
            if now >= self._killed_at + KILL_SECONDS:
                raise SlotSilentError
            return
        if self._mailbox.lost:
            self._kill(Why.LOST, now)
            return
        step = limit_step(now - self._frozen_for, self._deadlines, soft_told=self._soft_told)
        if step is LimitStep.HARD:
            self._kill(Why.HARD_LIMIT, now)
            return
        if step is LimitStep.SOFT:
            self._soft_told = True
            self._slot.interrupt("soft_limit")
        self._climb(now)

    def _climb(self, now: float) -> None:
        order = self._mailbox.order
        if order is None:
            return
        # A cancel that was asked stays the reason: what a drain then hurries is a cancelled job.
        self._why = Why.CANCEL if self._mailbox.cancelled else Why.SHUTDOWN
        due = rung_due(now, order)
        if due <= self._rung:
            return
        log.info("attempt_told_to_stop", reason=order.reason, rung=due.word)
        if due is Rung.FLAG:
            self._slot.interrupt(CANCEL_ASKED)
        elif self._rung < Rung.EXCEPTION:
            self._slot.interrupt(CANCELLED if self._mailbox.cancelled else order.reason)
        if due is Rung.TERM:
            self._slot.terminate()
        elif due is Rung.KILL:
            self._kill(self._why, now)
        self._rung = due

    def _kill(self, why: Why, now: float) -> None:
        self._why = why
        self._killed_at = now
        self._slot.kill()
