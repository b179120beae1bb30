"""The fake store's answer about queues; what Redis keeps counts of is counted here."""

from collections import Counter
from collections.abc import Mapping

from shared.contracts.lifecycle import State
from shared.contracts.queues import (
    OutboxTally,
    QueueTally,
    SurveyOutbox,
    SurveyQueues,
    tallies,
)
from tests.fakes.store_state import Tenant

COUNTED = {State.SCHEDULED, State.RUNNING, State.RETRYING}


def survey_queues(tenant: Tenant, _: SurveyQueues) -> Mapping[str, QueueTally]:
    counts = Counter(
        f"{job.state} {job.queue}" for job in tenant.jobs.values() if job.state in COUNTED
    )
    waiting = {
        queue: (len(jobs), min(jobs.values())) for queue, jobs in tenant.waits.items() if jobs
    }
    return tallies(now=tenant.now, known=tenant.handed, waiting=waiting, counts=counts)


def survey_outbox(tenant: Tenant, _: SurveyOutbox) -> OutboxTally:
    """Look at all of them: of very many the real store asks some."""
    made = [tenant.jobs[job].dispatched_at for job in tenant.outbox]
    return OutboxTally(entries=len(made), oldest=max(0, tenant.now - min(made)) if made else None)
