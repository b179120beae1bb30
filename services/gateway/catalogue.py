"""What can be run, as the workers announced it: cached in the process, never forgotten."""

import asyncio
import difflib
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import jsonschema_rs
import structlog

from services.gateway.refusals import MAX_FAULTS, EmptyCatalogue, Fault, TypeNotFound, UnknownType
from services.gateway.requests.fields import pointer
from shared.contracts.catalog import CatalogEntry, WorkerCard
from shared.contracts.errors import StoreUnavailable
from shared.ports import Registry
from shared.runtime.pacing import pause
from shared.runtime.spells import Spell

REFRESH_SECONDS: Final = 2.0
SECOND_LOOK_SECONDS: Final = 0.5  # an unknown name makes us look again, at most this often
MAX_DETAIL: Final = 300  # characters; a message quotes the offending value
_SUGGESTIONS: Final = 3

Heard = Callable[[Sequence[CatalogEntry], Collection[str]], None]

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class JobType:
    """One job type and how many live workers would begin a job of it, from its own queue."""

    entry: CatalogEntry
    check: jsonschema_rs.Draft202012Validator
    workers: int


@dataclass(frozen=True, slots=True)
class _Seen:
    types: Mapping[str, JobType] = field(default_factory=dict)
    queues: frozenset[str] = frozenset()
    at: float = float("-inf")


class Catalogue:
    """The last catalogue that was not empty."""

    def __init__(self, *, registry: Registry, heard: Heard = lambda _types, _queues: None) -> None:
        """Know nothing yet; `heard` is told the types and queues when there are new ones."""
        self._registry = registry
        self._heard = heard
        self._seen = _Seen()
        self._looking = asyncio.Lock()
        self._unread = Spell("catalogue_not_read", "catalogue_read_again")

    @property
    def complaint(self) -> str | None:
        """None when something can be run, else a sentence."""
        return None if self._seen.types else "no worker has announced a job type yet"

    async def follow(self) -> None:
        """Look again every two seconds, for ever."""
        while True:
            await self._look_again(not_within=0)
            await pause(REFRESH_SECONDS)

    def known(self, name: str) -> JobType | None:
        """Return a type that needs no look."""
        return self._seen.types.get(name)

    def knows_queue(self, name: str) -> bool:
        """Whether it needs no look that some worker has declared this queue."""
        return name in self._seen.queues

    async def find(self, name: str) -> JobType:
        """Return the type a client wants to run.

        Raises:
            EmptyCatalogue: no type is known at all.
            UnknownType: this one is not; with the nearest names.
        """
        if name not in self._seen.types:
            await self._look_again(not_within=SECOND_LOOK_SECONDS)
        if not self._seen.types:
            raise EmptyCatalogue
        if name not in self._seen.types:
            near = difflib.get_close_matches(name, self._seen.types, n=_SUGGESTIONS)
            detail = f"No worker has announced the job type {name}."
            raise UnknownType(
                detail, errors=[Fault(detail, pointer("type"))], extra={"did_you_mean": near}
            )
        return self._seen.types[name]

    async def queues(self) -> frozenset[str]:
        """Return the queues that a type names or a live worker serves."""
        await self._look_again(not_within=SECOND_LOOK_SECONDS)
        return self._seen.queues

    async def queue_faults(self, name: str) -> list[Fault]:
        """Return a fault when no worker has declared this queue."""
        if name not in self._seen.queues:
            await self._look_again(not_within=SECOND_LOOK_SECONDS)
        if name in self._seen.queues:
            return []
        return [Fault("No worker has declared this queue.", pointer("queue"))]

    async def browse(self) -> Sequence[JobType]:
        """Return every type, by name."""
        if not self._seen.types:
            await self._look_again(not_within=SECOND_LOOK_SECONDS)
        return [self._seen.types[name] for name in sorted(self._seen.types)]

    async def look_up(self, name: str) -> JobType:
        """Return one type for reading.

        Raises:
            TypeNotFound: it is not known.
        """
        if name not in self._seen.types:
            await self._look_again(not_within=SECOND_LOOK_SECONDS)
        if name not in self._seen.types:
            raise TypeNotFound
        return self._seen.types[name]

    async def _look_again(self, *, not_within: float) -> None:
        async with self._looking:
            if time.monotonic() - self._seen.at < not_within:
                return
            try:
                entries = await self._registry.catalogue()
                workers = await self._registry.workers()
            except StoreUnavailable:
                self._seen = _Seen(self._seen.types, self._seen.queues, time.monotonic())
                self._unread.met(then="the types known so far stand")
                return
            self._unread.over()
            before = self._seen
            self._seen = _see(before, entries, workers, at=time.monotonic())
            if before.types.keys() != self._seen.types.keys() or before.queues != self._seen.queues:
                self._heard([one.entry for one in self._seen.types.values()], self._seen.queues)


def payload_faults(job_type: JobType, payload: Mapping[str, object]) -> list[Fault]:
    """Return where a payload does not fit the schema of its type: a JSON pointer for each fault."""
    if job_type.check.is_valid(payload):
        return []
    faults: list[Fault] = []
    for error in job_type.check.iter_errors(payload):
        faults.extend(_faults(error))
        if len(faults) >= MAX_FAULTS:
            break
    return faults[:MAX_FAULTS]


def _faults(error: jsonschema_rs.ValidationError) -> Iterator[Fault]:
    where = ("payload", *error.instance_path)
    match error.kind:
        case jsonschema_rs.ValidationErrorKind.Required(property=name):
            yield Fault("This is required.", pointer(*where, str(name)))
        case jsonschema_rs.ValidationErrorKind.AdditionalProperties(unexpected=names):
            for name in names:
                yield Fault("This field is not known.", pointer(*where, name))
        case _:
            yield Fault(error.message[:MAX_DETAIL], pointer(*where))


def _see(
    before: _Seen, entries: Sequence[CatalogEntry], workers: Sequence[WorkerCard], *, at: float
) -> _Seen:
    if not entries:  # a store that was wiped has forgotten them, the workers have not
        return _Seen(before.types, before.queues, at)
    types = {
        entry.type: seen
        for entry in entries
        if (seen := _type(before.types.get(entry.type), entry, workers)) is not None
    }
    served = {queue for worker in workers for queue in worker.queues}
    return _Seen(types, frozenset({entry.queue for entry in entries} | served), at)


def _type(
    known: JobType | None, entry: CatalogEntry, workers: Sequence[WorkerCard]
) -> JobType | None:
    alive = sum(
        entry.type in worker.types and entry.queue in worker.queues and not worker.draining
        for worker in workers
    )
    if known is not None and known.entry == entry:
        return JobType(entry, known.check, alive)
    try:
        check = jsonschema_rs.Draft202012Validator(entry.payload_schema, offline=True)
    except (jsonschema_rs.ValidationError, ValueError) as fault:
        log.warning("payload_schema_unusable", type=entry.type, why=str(fault)[:MAX_DETAIL])
        return None
    return JobType(entry, check, alive)
