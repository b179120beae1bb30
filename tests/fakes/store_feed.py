"""The fake store's feed: a tenant's last transitions."""

from shared.contracts.feed import FeedPage, FeedStep, Loss, ReadFeed
from shared.contracts.listing import FeedPlace
from tests.fakes.store_state import Tenant

MOST_TEXT = 2**18


def feed_place(tenant: Tenant) -> FeedPlace:
    return FeedPlace("" if tenant.unborn else tenant.epoch, tenant.seq)


def read_feed(tenant: Tenant, op: ReadFeed) -> FeedPage:
    here = feed_place(tenant)
    loss = _loss(tenant, op.after, here) if op.after else None
    if op.after is None or loss:
        return FeedPage(here=here, loss=loss, steps=(), more=False)
    missed = [entry for entry in tenant.feed if entry[0] > op.after.seq]
    page: list[FeedStep] = []
    size = 0
    for seq, name, number in missed[: op.limit]:
        job = tenant.jobs.get(name)
        if job is None:
            return FeedPage(here=here, loss=Loss.HISTORY_TRIMMED, steps=(), more=False)
        result = job.result if job.step == number else None
        page.append(FeedStep(seq, name, job.steps[number - 1], result))
        size += len(page[-1].step.frame) + len(result or "")
        if size >= MOST_TEXT:
            break
    more = len(page) < len(missed)
    return FeedPage(here=here, loss=None, steps=tuple(page), more=more)


def _loss(tenant: Tenant, after: FeedPlace, here: FeedPlace) -> Loss | None:
    one_epoch = tenant.changed_at is None and not tenant.stale
    from_nothing = after == FeedPlace("", 0) and (one_epoch or tenant.unborn)
    if after.epoch != here.epoch and not from_nothing:
        return Loss.EPOCH_CHANGED
    if after.seq > here.seq:
        return Loss.AHEAD
    if after.seq < here.seq and not (tenant.feed and tenant.feed[0][0] <= after.seq + 1):
        return Loss.HISTORY_TRIMMED
    return None
