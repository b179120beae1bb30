"""One dead letter gets a new life, now."""

import asyncio
from typing import Final

import structlog
import uuid_utils

from services.gateway.dead_letters.metrics import LetterMetrics
from services.gateway.handing_over import hand_over
from services.gateway.refusals import (
    JobNotFound,
    NothingToRedrive,
    TooManySteps,
    Unavailable,
    UniqueKeyTaken,
)
from shared.contracts.dead_letters import LetterVerdict, Redrive
from shared.contracts.errors import BrokerUnavailable, StoreUnavailable, Unroutable
from shared.contracts.job import JobRecord
from shared.ports import AsyncJobStore, CommandPublisher
from shared.runtime import job_lines

BUDGET_SECONDS: Final = 2.7  # an outage is answered within 3 s

log = structlog.get_logger()


class Redriving:
    """Redrives single jobs; campaigns are the redriver's."""

    def __init__(
        self, *, store: AsyncJobStore, publisher: CommandPublisher, metrics: LetterMetrics
    ) -> None:
        """Keep the parts it works with."""
        self._store = store
        self._publisher = publisher
        self._metrics = metrics

    async def redrive(self, job: str, *, tenant: str, by: str, reason: str | None) -> JobRecord:
        """Redrive a dead letter; when this returns, its message is in the broker.

        Raises:
            JobNotFound: the tenant has no such job.
            NothingToRedrive: it is no dead letter.
            UniqueKeyTaken: a living job has its unique_key by now.
            TooManySteps: it has made as many as a job may.
            BrokerUnavailable: nothing has changed.
            Unavailable: it is redriven on record, and will be published; asking again is safe.
            StoreUnavailable: the store did not answer in time; asking again is safe.
        """
        if not self._publisher.ready:
            raise BrokerUnavailable("RabbitMQ is away: nothing was redriven, try again.")
        deadline = asyncio.get_running_loop().time() + BUDGET_SECONDS
        answer = await self._store.do(Redrive(tenant=tenant, job=job, turn=uuid_utils.uuid4().hex))
        if answer.verdict is LetterVerdict.TAKEN:
            raise UniqueKeyTaken(extra={"job_id": answer.holder})
        if answer.job is None:
            raise JobNotFound
        if answer.verdict is LetterVerdict.WORN_OUT:
            raise TooManySteps
        if answer.verdict is not LetterVerdict.DONE:
            state = answer.job.state.value
            raise NothingToRedrive(
                f"The job is {state} and no dead letter.", extra={"state": state}
            )
        # The ordinary way: an operator may have written a secret into the reason.
        log.info("job_redriven", **job_lines.facts_of(answer.job), by=by, reason=reason)
        self._metrics.redriven("one")
        if answer.publish is not None:
            try:
                async with asyncio.timeout_at(deadline):
                    await hand_over(answer.publish, store=self._store, publisher=self._publisher)
            except (BrokerUnavailable, Unroutable, TimeoutError) as fault:
                detail = "It is redriven on record but not yet in the broker: repeating is safe."
                raise Unavailable(detail, extra={"job_id": job}) from fault
            except StoreUnavailable:
                log.warning("confirm_not_recorded", job_id=job)
        return answer.job
