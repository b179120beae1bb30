"""Asks the store, and the broker, until there is an answer: nothing is decided on a guess."""

from collections.abc import Callable
from typing import Final, Protocol, TypeVar

import structlog

from services.worker.intake.gate import Intake
from shared.contracts.commands import RunJob
from shared.contracts.errors import BrokerUnavailable, StoreUnavailable, Unroutable
from shared.contracts.operations import Operation
from shared.ports import JobStore
from shared.runtime.pacing import full_jitter, pause_thread
from shared.runtime.spells import Spell

A = TypeVar("A")
GiveUp = Callable[[], bool]

BASE_SECONDS: Final = 0.2
CAP_SECONDS: Final = 3.0
HELD: Final = "held and tried again"

log = structlog.get_logger()


class ThreadPublisher(Protocol):
    """`ports.CommandPublisher` for callers in threads; raises the same."""

    def publish(self, message: RunJob) -> None:
        """Send to the work queue of its job and return when the broker has confirmed."""

    def publish_later(self, message: RunJob, *, delay_ms: int) -> None:
        """Send up the delay ladder and return when the broker has confirmed."""


class Stubborn:
    """Repeats what may be repeated; for the threads of the slots."""

    def __init__(
        self,
        store: JobStore,
        publisher: ThreadPublisher,
        intake: Intake,
        *,
        pause: Callable[[float], None] = pause_thread,
    ) -> None:
        """Describe it; `pause` lets seconds pass."""
        self._store = store
        self._publisher = publisher
        self._intake = intake
        self._pause = pause
        self._unanswered = Spell("store_did_not_answer", "store_answers_again")
        self._unconfirmed = Spell("publish_not_confirmed", "publish_confirmed_again")

    def ask(self, operation: Operation[A], *, give_up: GiveUp) -> A | None:
        """Return the store's answer; None when `give_up` said so before there was one.

        A store that does not answer closes the intake; who watches it opens it again.
        """
        tries = 0
        while True:
            try:
                answer = self._store.do(operation)
            except StoreUnavailable as fault:
                self._intake.store_failed()
                tries += 1
                name = type(operation).__name__
                self._unanswered.met(operation=name, tries=tries, why=str(fault), then=HELD)
            else:
                self._unanswered.over()
                return answer
            if give_up():
                return None
            self._pause(full_jitter(tries, base=BASE_SECONDS, cap=CAP_SECONDS))

    def mention(self, operation: Operation[bool]) -> None:
        """Tell the store once what it will find out anyway."""
        try:
            self._store.do(operation)
        except StoreUnavailable as fault:
            name = type(operation).__name__
            log.warning("store_did_not_answer", operation=name, tries=1, why=str(fault))

    def publish(self, message: RunJob, *, delay_ms: int, give_up: GiveUp) -> bool:
        """Return True when the broker has confirmed, False when `give_up` said so before.

        `delay_ms` 0 sends to the work queue at once. After False it may have arrived all the same.
        """
        tries = 0
        while True:
            try:
                if delay_ms > 0:
                    self._publisher.publish_later(message, delay_ms=delay_ms)
                else:
                    self._publisher.publish(message)
            except (BrokerUnavailable, Unroutable) as fault:
                tries += 1
                self._unconfirmed.met(job_id=message.job, tries=tries, why=str(fault), then=HELD)
            else:
                self._unconfirmed.over()
                return True
            if give_up():
                return False
            self._pause(full_jitter(tries, base=BASE_SECONDS, cap=CAP_SECONDS))
