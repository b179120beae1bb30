"""What the services need of the world, as promises; `shared.adapters` keeps them."""

from collections.abc import Awaitable, Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from shared.contracts.api_keys import PutVerdict, StoredKey
from shared.contracts.audit import AuditEntry
from shared.contracts.catalog import CatalogEntry, WorkerCard
from shared.contracts.commands import RunJob
from shared.contracts.errors import WaymarkError
from shared.contracts.operations import Operation
from shared.contracts.queues import Pauses
from shared.contracts.rates import Draw, Rate

A = TypeVar("A")


class JobStore(Protocol):
    """The truth about every job, for callers in threads."""

    def do(self, operation: Operation[A]) -> A:
        """Carry out one operation, atomically.

        Raises:
            StoreUnavailable: no answer within the adapter's deadline, repeats included; what was
                asked may have happened. Asking the same again is safe.
        """


class AsyncJobStore(Protocol):
    """The same truth, for callers on an event loop."""

    async def do(self, operation: Operation[A]) -> A:
        """Carry out one operation, atomically; raises as `JobStore.do` does."""


class Registry(Protocol):
    """What lies outside the tenants: who they are, what can be run, who is alive."""

    async def announce(self, worker: WorkerCard, types: Sequence[CatalogEntry]) -> None:
        """Say that `worker` is alive and serves `types`; repeated every 5 s."""

    async def catalogue(self) -> Sequence[CatalogEntry]:
        """Return the newest entry of every type a worker announced within the last 10 minutes."""

    async def workers(self) -> Sequence[WorkerCard]:
        """Return the workers seen within the last 15 s."""

    async def retire(self, worker: str) -> None:
        """Say that a worker has stopped."""

    async def tenants(self) -> Sequence[str]:
        """Return every tenant that has ever submitted a job to this store."""

    async def enrol(self, tenant: str) -> None:
        """Add a tenant; must come before its first record."""

    async def acquire(self, duty: str, holder: str, *, ttl_ms: int) -> bool:
        """Take or renew the lease of a house-wide duty; False while another holds it."""


class AuditLog(Protocol):
    """What operators did. At least once: an entry whose answer was lost may stand there twice."""

    async def append(self, entry: AuditEntry) -> None:
        """Put an entry on top; of very many the oldest go.

        Raises:
            StoreUnavailable: no answer within the adapter's deadline.
        """

    async def page(
        self, tenant: str | None, *, before: str | None, limit: int
    ) -> Sequence[tuple[str, AuditEntry]]:
        """Return the newest entries before a place, each with its own, at most `limit`.

        A tenant's, or with None the whole house's; fewer only where no more are left.

        Raises:
            StoreUnavailable: no answer within the adapter's deadline.
        """


class PauseBoard(Protocol):
    """Which queues are paused: jobs are taken in, none is started. All raise StoreUnavailable."""

    async def read(self) -> Pauses:
        """Return what is paused.

        A store that has forgotten what this process has read before is told it again.
        """

    async def pause(self, queue: str, *, by: str, reason: str) -> bool:
        """Pause a queue; False: it was already, and stays so by whom and why it was."""

    async def resume(self, queue: str) -> bool:
        """Let a queue go on; False: it was not paused."""


class KeyBook(Protocol):
    """API keys that were made over HTTP. Every call raises StoreUnavailable as the others do."""

    async def version(self) -> str:
        """Return a mark that is another one after every change; "" for an empty book."""

    async def read(self) -> tuple[str, Mapping[str, StoredKey]]:
        """Return the version and every key by its id, both of the same moment."""

    async def put(
        self, key: StoredKey, *, version: str, forgetting: Iterable[str] = ()
    ) -> PutVerdict:
        """Write a key and drop others, unless the book has another version by now."""

    async def used(self) -> Mapping[str, int]:
        """Return when (ms since the epoch) each key was last used, as far as it was noted."""

    async def note_used(self, used: Mapping[str, int]) -> None:
        """Note when keys were last used."""


class Buckets(Protocol):
    """Token buckets that all gateways share."""

    async def draw(self, tenant: str, name: str, *, rate: Rate, wanted: int) -> Draw:
        """Take up to `wanted` requests from a tenant's bucket; a repeat may take them again.

        Raises:
            StoreUnavailable: no answer within the adapter's deadline.
        """


class CommandPublisher(Protocol):
    """Hands messages to the broker; returns only when the broker has confirmed them.

    At least once: after an error the message may have arrived all the same.
    """

    async def publish(self, message: RunJob) -> None:
        """Send to the work queue of its job.

        Raises:
            BrokerUnavailable: not confirmed within the deadline, or the connection is away.
            Unroutable: no worker has declared that queue.
        """

    async def publish_later(self, message: RunJob, *, delay_ms: int) -> None:
        """Send up the delay ladder, from where it arrives after `delay_ms` rounded up to 250 ms."""

    async def publish_many(
        self, messages: Sequence[tuple[RunJob, int]]
    ) -> Sequence[WaymarkError | None]:
        """Send messages together, each at once or up the ladder when its delay (ms) is not 0.

        It raises nothing: for each, in their order, it returns None when the broker confirmed it,
        else what `publish` would have raised.
        """

    @property
    def ready(self) -> bool:
        """Whether a publish could be confirmed now: connected and not blocked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FeedMessage:
    """One event of one tenant: what is needed to route it, and the frame as it goes to watchers.

    `frame` is UTF-8 JSON, the same bytes for everyone. `transition` is False for progress.
    """

    tenant: str
    epoch: str
    seq: int
    job: str
    revision: int
    step: int
    transition: bool
    frame: bytes


class EventFeed(Protocol):
    """Live events by tenant; at most once, and whoever listens is told when it may have gaps."""

    async def subscribe(self, tenant: str) -> None:
        """Return when the server has confirmed that events of `tenant` arrive from now on."""

    async def unsubscribe(self, tenant: str) -> None:
        """Stop listening to `tenant`."""

    def on_message(self, listener: Callable[[FeedMessage], None]) -> None:
        """Call `listener` for every event, in order, on the event loop; it must not block."""

    def on_gap(self, listener: Callable[[], Awaitable[None]]) -> None:
        """Call `listener` after a reconnect, once all tenants are subscribed again."""


class Clock(Protocol):
    """Time from outside, so that tests may hold it."""

    def now_ms(self) -> int:
        """Milliseconds since the epoch, UTC."""

    def monotonic(self) -> float:
        """Seconds that only go forward."""
