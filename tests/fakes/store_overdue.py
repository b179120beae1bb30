"""The fake store's answers about what is overdue."""

from shared.contracts import overdue
from shared.contracts.commands import RunJob
from shared.contracts.lifecycle import State
from tests.fakes.store_state import OUTBOX_PATIENCE, Tenant


def find_overdue(tenant: Tenant, op: overdue.FindOverdue) -> overdue.FoundOverdue:
    found = _overdue(tenant, op)
    taken, more = found[: op.limit], len(found) > op.limit
    for id_ in taken:
        tenant.new_dispatch(tenant.jobs[id_], tenant.now + OUTBOX_PATIENCE)
    return overdue.FoundOverdue(
        publish=tuple(RunJob.of(tenant.jobs[id_].record(tenant.epoch)) for id_ in taken),
        handed=dict(sorted(tenant.handed.items())),
        waiting=frozenset(queue for queue, jobs in tenant.waits.items() if jobs),
        more=more,
    )


def _overdue(tenant: Tenant, op: overdue.FindOverdue) -> list[str]:
    young = max(tenant.born_at, tenant.changed_at or 0) + max(tenant.lease, op.after)
    if tenant.now < young:
        return []
    found: list[str] = []
    for news in op.news:
        before = max(news.handed - op.after, tenant.now - op.after if news.empty else 0)
        waits = sorted((at, job) for job, at in tenant.waits.get(news.queue, {}).items())
        found += [job for at, job in waits if at < before and job not in op.held]
    return found


def expect(tenant: Tenant, op: overdue.Expect) -> bool:
    job = tenant.jobs.get(op.job)
    waits = job is not None and job.dispatch == op.dispatch and job.state is State.QUEUED
    if job is None or not waits or job.id in tenant.outbox:
        return False
    tenant.wait(job, tenant.now + op.delay)
    return True
