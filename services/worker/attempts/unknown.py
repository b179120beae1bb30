"""Messages of a type, or version, that this worker does not know: others may, so they go round."""

from collections import OrderedDict
from collections.abc import Callable, Collection
from typing import Final

import structlog

from services.worker import faults
from services.worker.attempts.claiming import Claims
from services.worker.attempts.counting import count_parked
from services.worker.attempts.lines import tell_parked
from services.worker.attempts.stubborn import Stubborn
from services.worker.intake.deliveries import Answer, Delivered
from services.worker.metrics import WorkerMetrics
from shared.contracts.answers import ParkVerdict
from shared.contracts.commands import RunJob
from shared.contracts.operations import Park, Read
from shared.contracts.overdue import Expect
from shared.runtime import job_lines

FIRST_SECONDS: Final = 2.0
LONGEST_SECONDS: Final = 60.0
GIVEN_UP_AT: Final = 3  # comings of a dispatch: 6 s, by then every worker has looked again
REMEMBERED: Final = 10_000  # dispatches whose comings are counted; a forgotten one starts again

log = structlog.get_logger()


def lap_delay(lap: int) -> float:
    """Return seconds on the ladder before lap number `lap` (from 1): 2, 4 … 60."""
    return min(LONGEST_SECONDS, FIRST_SECONDS * 2.0 ** min(lap - 1, 10))


class TypeWatch:
    """Since when no live worker is known to serve a type; times monotonic.

    It starts from its own first look: a registry that has just been wiped knows nobody.
    """

    def __init__(self, *, gone_after: float, monotonic: Callable[[], float]) -> None:
        """Describe it; `gone_after` in seconds."""
        self._gone_after = gone_after
        self._monotonic = monotonic
        self._since = monotonic()
        self._listed: dict[str, float] = {}
        self._looked_at: float | None = None

    def seen(self, types: Collection[str]) -> None:
        """Take note of the types that live workers announced lately."""
        now = self._looked_at = self._monotonic()
        self._listed.update(dict.fromkeys(types, now))

    def gone(self, name: str) -> bool:
        """Whether no live worker has announced the type for so long."""
        if self._looked_at is None:
            return False
        missing_since = max(self._listed.get(name, self._since), self._since)
        return self._looked_at - missing_since >= self._gone_after


class UnknownTypes:
    """Sends such messages round the ladder, and parks them when nobody is left to know them."""

    def __init__(
        self, stubborn: Stubborn, claims: Claims, types: TypeWatch, metrics: WorkerMetrics
    ) -> None:
        """Describe it."""
        self._metrics = metrics
        self._stubborn = stubborn
        self._claims = claims
        self._types = types
        self._comings: OrderedDict[tuple[str, int], int] = OrderedDict()

    def handle(self, delivery: Delivered) -> Answer:
        """Return how the delivery is settled."""
        message = delivery.job
        log.info("type_unknown", **job_lines.facts_of(message))
        self._metrics.endings.expect(message.options.queue, message.type)
        coming = self._count_coming(message)
        if coming >= GIVEN_UP_AT and self._types.gone(message.type):
            answer = self._park(delivery)
            if answer is not None:
                return answer
        delay_ms = round(lap_delay(coming) * 1000)
        # No claim says that it goes round: else the store would think its message lost.
        self._stubborn.mention(
            Expect(
                tenant=message.options.tenant,
                job=message.job,
                dispatch=message.options.dispatch,
                delay=delay_ms,
            )
        )
        return self._claims.send_round(delivery, delay_ms=delay_ms)

    def _park(self, delivery: Delivered) -> Answer | None:
        message = delivery.job
        problem = faults.of_unknown_type(message.type, message.options.type_version)
        parked = self._stubborn.ask(
            Park(
                tenant=message.options.tenant,
                message=message,
                fault=problem.render(retryable=False),
            ),
            give_up=lambda: self._claims.gives_up(delivery),
        )
        if parked is None:
            return self._claims.unresolved(delivery)
        if parked is ParkVerdict.PARKED:
            count_parked(self._metrics, message)
            tell_parked(message)
        if parked is not ParkVerdict.REFUSED:
            return Answer.NACK
        # Not this dispatch, or not waiting. Only a final job's message may simply go.
        record = self._stubborn.ask(
            Read(tenant=message.options.tenant, job=message.job),
            give_up=lambda: self._claims.gives_up(delivery),
        )
        return Answer.ACK if record is not None and record.final else None

    def _count_coming(self, message: RunJob) -> int:
        key = (message.job, message.options.dispatch)
        coming = self._comings.pop(key, 0) + 1
        self._comings[key] = coming
        if len(self._comings) > REMEMBERED:
            self._comings.popitem(last=False)
        return coming
