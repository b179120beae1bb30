"""Writes the end of an attempt down, and only then answers the broker (PROTOCOL, Settle)."""

from collections.abc import Callable
from typing import Final

from services.worker.attempts.attempt import Attempt
from services.worker.attempts.claiming import Claims
from services.worker.attempts.stubborn import Stubborn
from services.worker.intake.deliveries import Answer, Delivered
from services.worker.intake.gate import Intake
from shared.contracts.answers import RenewalVerdict, Settled, SettleVerdict
from shared.contracts.lifecycle import State
from shared.contracts.operations import Confirm, Release, Settle
from shared.runtime.pacing import pause_thread

HOLD_SECONDS: Final = 1.0  # between two questions to a store that is too young to answer


class Settlements:
    """The last part of a delivery's way: the record, the next message, the broker."""

    def __init__(
        self,
        stubborn: Stubborn,
        claims: Claims,
        intake: Intake,
        *,
        pause: Callable[[float], None] = pause_thread,
    ) -> None:
        """Describe it."""
        self._stubborn = stubborn
        self._claims = claims
        self._intake = intake
        self._pause = pause

    def write(self, attempt: Attempt, end: Settle) -> Settled | None:
        """Write `end` until it stands or the attempt is lost; None when the worker had to leave.

        Does not give up while the worker lives: what was computed is kept in this thread.
        """
        return self._insist(attempt, end)

    def answer(self, delivery: Delivered, end: Settle, settled: Settled | None) -> Answer:
        """Send on what the settled `end` asks for, and return how the delivery goes."""
        if settled is None:
            return Answer.HOLD
        if settled.verdict is SettleVerdict.LOST or isinstance(end, Release):
            return Answer.REQUEUE
        if settled.state is State.FAILED:
            return Answer.NACK
        if settled.publish is not None and not self._hand_on(delivery, settled):
            return self._claims.unresolved(delivery)
        return Answer.ACK

    def _insist(self, attempt: Attempt, end: Settle) -> Settled | None:
        while True:
            settled = self._stubborn.ask(end, give_up=self._gives_up)
            if settled is None or settled.verdict is SettleVerdict.OK:
                return settled
            # The store may have forgotten the record: then a heartbeat brings it back.
            renewal = self._stubborn.ask(self._claims.renewal(attempt), give_up=self._gives_up)
            if renewal is None or renewal.verdict is RenewalVerdict.LOST or self._gives_up():
                return settled
            self._pause(HOLD_SECONDS)

    def _hand_on(self, delivery: Delivered, settled: Settled) -> bool:
        following = settled.publish
        if following is None:
            return True
        confirmed = self._stubborn.publish(
            following,
            delay_ms=settled.delay,
            give_up=lambda: self._claims.gives_up(delivery),
        )
        if confirmed:
            self._stubborn.mention(
                Confirm(
                    tenant=following.options.tenant,
                    job=following.job,
                    dispatch=following.options.dispatch,
                )
            )
        return confirmed

    def _gives_up(self) -> bool:
        return self._intake.leaving
