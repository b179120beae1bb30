"""Claims a delivered message and obeys every answer but RUN (PROTOCOL, Claim)."""

import secrets
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

import structlog

from services.worker.attempts.attempt import Attempt, Mailbox
from services.worker.attempts.counting import count_claim
from services.worker.attempts.lines import tell_claim
from services.worker.attempts.stubborn import Stubborn
from services.worker.intake.deliveries import Answer, Delivered
from services.worker.intake.gate import Intake
from services.worker.metrics import WorkerMetrics
from shared.contracts.answers import ClaimAnswer, ClaimVerdict, RenewalVerdict
from shared.contracts.job import Outcome
from shared.contracts.operations import Claim, Confirm, Heartbeat
from shared.runtime import job_lines
from shared.runtime.pacing import pause_thread
from shared.runtime.spells import Histories

log = structlog.get_logger()

FRESHNESS_MARGIN_SECONDS: Final = 3.0  # a slot never starts on a lease with less left than this
HOLD_SECONDS: Final = 1.0  # between two questions to a store that is too young to answer
_ROUND: Final = {ClaimVerdict.LIVE, ClaimVerdict.NOT_DUE, ClaimVerdict.PAUSED}
_DONE: Final = {ClaimVerdict.FINAL, ClaimVerdict.CANCELLED, ClaimVerdict.EXPIRED}
_DEAD: Final = {ClaimVerdict.POISON, ClaimVerdict.EXHAUSTED}


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """Who claims: the worker's id and its lease in ms."""

    worker: str
    lease_ms: int


class Claims:
    """The first half of a delivery's way: from the broker to the right to run."""

    def __init__(
        self,
        stubborn: Stubborn,
        intake: Intake,
        identity: Identity,
        metrics: WorkerMetrics,
        *,
        monotonic: Callable[[], float],
        pause: Callable[[float], None] = pause_thread,
    ) -> None:
        """Describe it; `monotonic` in seconds."""
        self._stubborn = stubborn
        self._intake = intake
        self._identity = identity
        self._metrics = metrics
        self._monotonic = monotonic
        self._pause = pause
        self._histories = Histories()

    def claim(self, delivery: Delivered) -> Attempt | Answer:
        """Return the attempt to run, or how the delivery is settled without one."""
        message = delivery.job
        token = secrets.token_hex(16)
        sent_at = self._monotonic()
        answer = self._stubborn.ask(
            Claim(
                tenant=message.options.tenant,
                message=message,
                token=token,
                worker=self._identity.worker,
                lease=self._identity.lease_ms,
                paused=self._intake.is_paused(message.options.queue),
            ),
            give_up=lambda: self.gives_up(delivery),
        )
        if answer is None:
            return self.unresolved(delivery)
        self._metrics.claimed(message.options.queue, answer.verdict)
        if answer.verdict is not ClaimVerdict.RUN:
            count_claim(self._metrics, message, answer)
            return self._obey(delivery, answer)
        if answer.job is None:
            raise AssertionError("RUN comes with the record")
        self._histories.note(answer.job.tenant, answer.job.epoch)
        return self._fresh(
            delivery,
            Attempt(
                message=message,
                job=answer.job,
                token=token,
                sent_at=sent_at,
                mailbox=Mailbox(freezes_at=self.freezes_at(sent_at)),
            ),
        )

    def unresolved(self, delivery: Delivered) -> Answer:
        """Return what becomes of a delivery that nothing was decided about."""
        return Answer.REQUEUE if delivery.alive else Answer.HOLD

    def send_round(self, delivery: Delivered, *, delay_ms: int) -> Answer:
        """Replace the delivery by a fresh copy on the ladder; acked once that is confirmed."""
        confirmed = self._stubborn.publish(
            delivery.job,
            delay_ms=max(1, delay_ms),
            give_up=lambda: self.gives_up(delivery),
        )
        return Answer.ACK if confirmed else self.unresolved(delivery)

    def _obey(self, delivery: Delivered, answer: ClaimAnswer) -> Answer:
        verdict = answer.verdict
        if not tell_claim(delivery.job, answer):
            facts = job_lines.facts_of(delivery.job)
            log.info("claim_answered", **facts, verdict=verdict, delay_seconds=answer.delay / 1000)
        if verdict in _ROUND:
            return self.send_round(delivery, delay_ms=answer.delay)
        if verdict is ClaimVerdict.STALE:
            return self._succeeded_by(delivery, answer)
        if verdict in _DEAD:
            return Answer.NACK
        if verdict in _DONE:
            return Answer.ACK
        raise AssertionError(verdict)

    def _succeeded_by(self, delivery: Delivered, answer: ClaimAnswer) -> Answer:
        successor = answer.publish
        if successor is None:
            return Answer.ACK
        confirmed = self._stubborn.publish(
            successor, delay_ms=answer.delay, give_up=lambda: self.gives_up(delivery)
        )
        if not confirmed:
            return self.unresolved(delivery)
        self._stubborn.mention(
            Confirm(
                tenant=successor.options.tenant,
                job=successor.job,
                dispatch=successor.options.dispatch,
            )
        )
        return Answer.ACK

    def _fresh(self, delivery: Delivered, attempt: Attempt) -> Attempt | Answer:
        """Renew a claim whose answer came so late that no slot would start on it."""
        while self._monotonic() >= self.freezes_at(attempt.sent_at):
            sent_at = self._monotonic()
            renewal = self._stubborn.ask(
                self.renewal(attempt), give_up=lambda: self.gives_up(delivery)
            )
            if renewal is None:
                return self.unresolved(delivery)
            if renewal.verdict is RenewalVerdict.LOST:
                self._metrics.ended(attempt.job, Outcome.WORKER_LOST, 0.0)
                return self.unresolved(delivery)
            if renewal.verdict is RenewalVerdict.OK:
                attempt = replace(
                    attempt, sent_at=sent_at, mailbox=Mailbox(freezes_at=self.freezes_at(sent_at))
                )
            elif self.gives_up(delivery):
                return self.unresolved(delivery)
            else:
                self._pause(HOLD_SECONDS)
        return attempt

    def freezes_at(self, sent_at: float) -> float:
        """Return until when a claim or renewal first sent at `sent_at` lets a slot run."""
        return sent_at + self._identity.lease_ms / 1000 - FRESHNESS_MARGIN_SECONDS

    def renewal(self, attempt: Attempt) -> Heartbeat:
        """Return the heartbeat of `attempt`."""
        return Heartbeat(
            tenant=attempt.job.tenant,
            message=attempt.message,
            token=attempt.token,
            worker=self._identity.worker,
            lease=self._identity.lease_ms,
        )

    def gives_up(self, delivery: Delivered) -> bool:
        """Whether to stop waiting: the worker drains, or the broker will redeliver."""
        return self._intake.draining or not delivery.alive
