"""An in-memory JobStore with a clock that tests hold; passes the contract suite of the real one."""

import copy
from collections.abc import Callable
from typing import Any, TypeVar

from shared.contracts import batches, callbacks, feed, idempotency, overdue, queues, retention
from shared.contracts import dead_letters as letters
from shared.contracts import operations as ops
from shared.contracts.answers import Ticked
from shared.contracts.errors import StoreUnavailable
from shared.contracts.operations import Operation
from tests.fakes import (
    store_feed,
    store_gateway,
    store_house,
    store_letters,
    store_overdue,
    store_queues,
    store_submits,
    store_worker,
)
from tests.fakes.store_state import Tenant

A = TypeVar("A")
A_DAY_IN_2026 = 1_790_000_000_000


class FakeStore:
    """Keeps `ports.JobStore` in memory.

    `now` (ms) is what the store's clock says; `away` makes it unavailable; `published` is every
    (channel, text) it has sent, events and cancel nudges.
    """

    def __init__(self, now: int = A_DAY_IN_2026) -> None:
        self.now = now
        self.away = False
        self.published: list[tuple[str, str]] = []
        self._tenants: dict[str, Tenant] = {}
        self._histories = 0

    def do(self, operation: Operation[A]) -> A:
        if self.away:
            raise StoreUnavailable("Redis does not answer: the test has taken it away.")
        tenant = self._tenant(operation.tenant, writes=type(operation) not in _READING)
        answer: A = _DEEDS[type(operation)](tenant, operation)
        self.published += tenant.published
        tenant.published.clear()
        return answer

    def ping(self) -> None:
        if self.away:
            raise StoreUnavailable("Redis does not answer: the test has taken it away.")

    def close(self) -> None:
        """Nothing to close."""

    def wipe(self) -> None:
        """Forget everything, as FLUSHALL does."""
        self._tenants.clear()

    def snapshot(self) -> object:
        """Return everything, to be handed to `restore`."""
        return copy.deepcopy(self._tenants)

    def restore(self, snapshot: object) -> None:
        """Go back to a snapshot, as a failover to a lagging replica does."""
        assert isinstance(snapshot, dict)
        self._tenants = copy.deepcopy(snapshot)
        self.change_epoch()

    def change_epoch(self) -> None:
        """Begin a new history without losing anything, as a planned failover does."""
        self._histories += 1

    def peek(self, tenant: str) -> Tenant:
        """Look inside; for invariants."""
        return self._tenant(tenant, writes=False)

    def _tenant(self, name: str, *, writes: bool) -> Tenant:
        history = str(self._histories)
        tenant = self._tenants.get(name) or Tenant(name=name, born_at=self.now, history=history)
        if writes:
            self._tenants[name] = tenant
            tenant.enter(self.now, history)
            return tenant
        looked = copy.copy(tenant)
        looked.history, looked.now = history, self.now
        looked.unborn = name not in self._tenants
        looked.stale = tenant.history != history
        return looked


class AsyncFakeStore:
    """The same for callers on an event loop."""

    def __init__(self, store: FakeStore | None = None) -> None:
        self.store = store or FakeStore()

    async def do(self, operation: Operation[A]) -> A:
        return self.store.do(operation)

    async def ping(self) -> None:
        self.store.ping()

    async def close(self) -> None:
        """Nothing to close."""


def _tick(tenant: Tenant, op: ops.Tick) -> Ticked:
    before = tenant.tick or tenant.born_at
    changed = tenant.changed_at is not None and tenant.changed_at >= before
    if tenant.now - before > store_house.GAP or changed:
        tenant.hold_until = tenant.now + op.lease
    tenant.tick, tenant.lease = tenant.now, op.lease
    held_for = max(0, tenant.hold_until - tenant.now)
    return Ticked(epoch=tenant.epoch, now=tenant.now, held_for=held_for)


_READING = {
    ops.Read,
    ops.ListJobs,
    ops.Locate,
    feed.ReadFeed,
    ops.Confirm,
    batches.ConfirmMany,
    callbacks.DueCallbacks,
    callbacks.ClearCallback,
    overdue.Expect,
    letters.ListDeadLetters,
    letters.CountDeadLetters,
    letters.SurveyDeadLetters,
    letters.ReadCampaign,
    letters.ListCampaigns,
    queues.SurveyQueues,
    queues.SurveyOutbox,
}
_DEEDS: dict[type, Callable[[Tenant, Any], Any]] = {
    ops.Submit: store_submits.submit,
    batches.SubmitMany: store_submits.submit_many,
    batches.ConfirmMany: store_gateway.confirm_many,
    idempotency.Recall: store_submits.recall,
    idempotency.Unmark: store_submits.unmark,
    retention.DeleteEnded: store_house.delete_ended,
    callbacks.DueCallbacks: store_gateway.due_callbacks,
    callbacks.ClearCallback: store_gateway.clear_callback,
    ops.Confirm: store_gateway.confirm,
    ops.Cancel: store_gateway.cancel,
    ops.Read: store_gateway.read,
    ops.ListJobs: store_gateway.list_jobs,
    ops.Locate: store_gateway.locate,
    feed.ReadFeed: store_feed.read_feed,
    queues.SurveyQueues: store_queues.survey_queues,
    queues.SurveyOutbox: store_queues.survey_outbox,
    overdue.FindOverdue: store_overdue.find_overdue,
    overdue.Expect: store_overdue.expect,
    ops.Claim: store_worker.claim,
    ops.Heartbeat: store_worker.heartbeat,
    ops.Progress: store_worker.progress,
    ops.Checkpoint: store_worker.checkpoint,
    ops.Succeed: store_worker.succeed,
    ops.Retry: store_worker.retry,
    ops.Fail: store_worker.fail,
    ops.Stop: store_worker.stop,
    ops.Release: store_worker.release,
    ops.Park: store_house.park,
    ops.Tick: _tick,
    ops.Sweep: store_house.sweep,
    ops.Archive: store_house.archive,
    letters.KeepUndecodable: store_house.keep_undecodable,
    letters.Redrive: store_letters.redrive,
    letters.Discard: store_letters.discard,
    letters.ListDeadLetters: store_letters.list_dead_letters,
    letters.CountDeadLetters: store_letters.count_dead_letters,
    letters.SurveyDeadLetters: store_letters.survey_dead_letters,
    letters.StartCampaign: store_letters.start_campaign,
    letters.AdvanceCampaign: store_letters.advance_campaign,
    letters.ReadCampaign: store_letters.read_campaign,
    letters.ListCampaigns: store_letters.list_campaigns,
    letters.AbortCampaign: store_letters.abort_campaign,
}
