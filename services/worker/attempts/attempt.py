"""One attempt of one job, while it lives: what the heartbeat hears about it, its thread reads."""

import math
import threading
from dataclasses import dataclass, field

from services.worker.cancelling import StopOrder
from shared.contracts.catalog import RunningJob
from shared.contracts.commands import RunJob
from shared.contracts.job import JobRecord


@dataclass(slots=True, kw_only=True)
class Mailbox:
    """Written by the house loop and by the drain, read by the attempt's own thread.

    `freezes_at` is when its slot is frozen unless the lease is renewed before, monotonic.
    `ended`: the handler has, and what came of it is being written down.
    """

    freezes_at: float = math.inf
    ended: bool = False
    _lost: threading.Event = field(default_factory=threading.Event)
    _cancel: StopOrder | None = None
    _shutdown: StopOrder | None = None

    @property
    def lost(self) -> bool:
        """Whether the attempt has lost its right to write: kill it."""
        return self._lost.is_set()

    @property
    def cancelled(self) -> bool:
        """Whether a cancel was asked."""
        return self._cancel is not None

    @property
    def cancelled_at(self) -> float | None:
        """When the attempt's worker heard of its cancel, monotonic; None when there is none."""
        return None if self._cancel is None else self._cancel.since

    @property
    def order(self) -> StopOrder | None:
        """What is to be obeyed: the order with the nearer deadline."""
        orders = [order for order in (self._cancel, self._shutdown) if order is not None]
        return min(orders, key=lambda order: order.deadline, default=None)

    def lose(self) -> None:
        """Another may run the job from now on."""
        self._lost.set()

    def cancel(self, order: StopOrder) -> None:
        """Ask to stop; only the first order counts, its grace runs from the request."""
        self._cancel = self._cancel or order

    def shut_down(self, order: StopOrder) -> None:
        """Ask to stop because the worker does; a later order with a nearer deadline counts."""
        if self._shutdown is None or order.deadline < self._shutdown.deadline:
            self._shutdown = order


@dataclass(frozen=True, slots=True, kw_only=True)
class Attempt:
    """A claimed attempt; `job` is the record as claimed, `token` its right to write.

    `sent_at` is when the claim (or the renewal that saved a late one) was first sent, monotonic.
    """

    message: RunJob
    job: JobRecord
    token: str
    sent_at: float
    mailbox: Mailbox = field(default_factory=Mailbox)


def running_job(attempt: Attempt) -> RunningJob:
    """Return what the worker's card says of it."""
    job = attempt.job
    return RunningJob(
        tenant=job.tenant,
        job=job.id,
        type=job.type,
        queue=job.queue,
        attempt=job.attempt,
        since=job.attempts[-1].started_at if job.attempts else job.created_at,
    )
