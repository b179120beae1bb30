"""The fake store's answer about queues; what Redis keeps counts of is counted here."""

from collections import Counter
from collections.abc import Mapping

from shared.contracts.lifecycle import State
from shared.contracts.queues import QueueTally, SurveyQueues, tallies
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
