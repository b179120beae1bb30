"""Whether the store was right to give a submit no job of its own."""

from shared.contracts import operations as ops
from shared.contracts.answers import Submitted, SubmitVerdict
from tests.contract.store_worlds import TENANT, World

NO_JOB = {
    SubmitVerdict.IN_FLIGHT,
    SubmitVerdict.TAKEN,
    SubmitVerdict.OVER_QUOTA,
    SubmitVerdict.DUPLICATE,
}


def check_refused(world: World, asked: ops.Submit, answer: Submitted) -> None:
    """Whoever gets no job of his own is told of a living one, or that there are enough."""
    if answer.verdict is SubmitVerdict.DUPLICATE:
        assert answer.job
        assert not answer.job.final, "the holder of a unique_key has ended"
        assert answer.job.unique_key == asked.unique_key
        return
    if answer.verdict is not SubmitVerdict.OVER_QUOTA:
        return
    page = world.do(ops.ListJobs(tenant=TENANT, before=None, limit=200))
    living = sum(not job.final for job in page.jobs)
    assert asked.quota is not None
    assert living >= asked.quota, "there was room in the quota"
