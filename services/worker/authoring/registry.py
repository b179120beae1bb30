"""The decorator by which a function becomes a job type, and the types so declared."""

import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from types import EllipsisType
from typing import Final, ParamSpec, TypeVar

import msgspec
import pydantic

from services.worker.authoring.durations import Duration, Size, seconds, size_in_bytes
from services.worker.authoring.errors import JobDefinitionError
from services.worker.authoring.signature import Signature, read_signature
from shared.contracts.catalog import CatalogEntry, Limits
from shared.contracts.topology import check_queue_name

P = ParamSpec("P")
R = TypeVar("R")
Exceptions = Sequence[type[BaseException]]

ISOLATIONS: Final = ("slot", "thread")
DEFAULT_TIME_LIMIT: Final = "1h"
SHORTEST_RETENTION_SECONDS: Final = 1.0
_NAME: Final = re.compile(r"[a-z][a-z0-9_-]*(\.[a-z0-9_-]+)*")
_LONGEST_NAME: Final = 100

_types: dict[str, "JobType"] = {}


@dataclass(frozen=True, slots=True, kw_only=True)
class JobType:
    """One declared job type. `max_rss` in bytes, None for no bound."""

    handler: Callable[..., object]
    signature: Signature
    entry: CatalogEntry
    retry_on: tuple[type[BaseException], ...]
    never_on: tuple[type[BaseException], ...]
    max_jobs_per_child: int
    max_rss: int | None


def job(
    name: str,
    *,
    retries: int = 5,
    min_backoff: Duration = "2s",
    max_backoff: Duration = "10m",
    soft_time_limit: Duration | None = None,
    time_limit: Duration | EllipsisType | None = ...,
    queue: str = "default",
    isolation: str = "slot",
    version: int = 1,
    retry_on: Exceptions = (),
    never_on: Exceptions = (),
    max_jobs_per_child: int = 1_000,
    max_rss: Size | None = None,
    retention: Duration | None = None,
) -> Callable[[Callable[P, R]], Callable[P, R]]:
    """Declare the decorated function as job type `name`; it stays the plain function it is.

    Args:
        name: what clients submit, such as "csv.profile"; lower case, dots between words.
        retries: how often a failed attempt is tried again.
        min_backoff: the first back-off, doubled with every attempt up to `max_backoff`.
        max_backoff: the longest back-off.
        soft_time_limit: when `SoftTimeLimit` is raised in the handler; None for never.
        time_limit: when the attempt is killed, as a rule after an hour; None for never. Nothing
            kills a thread: there it is None, and naming another is refused.
        queue: which queue its jobs wait in, unless the submitter says otherwise.
        isolation: "slot" (a process of its own) or "thread" (soft limit only).
        version: raise it when older workers must not run the new payloads.
        retry_on: exceptions to retry, when only these are to be.
        never_on: exceptions not to retry.
        max_jobs_per_child: how many attempts one slot process may run, one after another.
        max_rss: a slot process that grows beyond this is killed, which counts as a crash; what it
            starts itself is not counted. Its share of the loaded modules is.
        retention: for how long an ended job is kept, such as "7d"; None: as the gateway is told.
            A dead letter is kept until somebody acts.

    Raises:
        JobDefinitionError: something of this is not possible; the text names the job.
    """

    def declare(handler: Callable[P, R]) -> Callable[P, R]:
        try:
            _check_names(name, queue, isolation)
            _check_thread(isolation, time_limit, max_rss)
            hard_limit = _hard_limit(isolation, time_limit)
            backoffs = (min_backoff, max_backoff)
            limits = _limits(retries, backoffs, soft_time_limit, hard_limit, max_rss)
            limits = msgspec.structs.replace(limits, retention_seconds=_retention(retention))
            _check_counts(version, max_jobs_per_child)
            signature = read_signature(handler)
            declared = JobType(
                handler=handler,
                signature=signature,
                entry=CatalogEntry(
                    type=name,
                    version=version,
                    summary=(handler.__doc__ or "").strip().partition("\n")[0],
                    queue=queue,
                    isolation=isolation,
                    limits=limits,
                    payload_schema=signature.payload_schema,
                    result_schema=signature.result_schema,
                ),
                retry_on=_exceptions(retry_on),
                never_on=_exceptions(never_on),
                max_jobs_per_child=max_jobs_per_child,
                max_rss=limits.max_rss_bytes,
            )
            _register(declared)
        except (ValueError, TypeError, NameError, pydantic.PydanticUserError) as fault:
            text = f"job {name!r} ({_place(handler)}): {fault}"
            raise JobDefinitionError(text) from fault
        return handler

    return declare


def catalogue() -> list[CatalogEntry]:
    """Return an entry for every declared type, by name."""
    return [_types[name].entry for name in sorted(_types)]


def find_type(name: str) -> JobType | None:
    """Return a declared type."""
    return _types.get(name)


def _register(declared: JobType) -> None:
    name = declared.entry.type
    known = _types.get(name)
    if known and _place(known.handler) != _place(declared.handler):
        text = f"the name is taken by {_place(known.handler)}"
        raise ValueError(text)
    _types[name] = declared


def _limits(
    retries: int,
    backoffs: tuple[Duration, Duration],
    soft: Duration | None,
    hard: Duration | None,
    max_rss: Size | None,
) -> Limits:
    min_backoff, max_backoff = backoffs
    limits = Limits(
        soft_time_limit_seconds=None if soft is None else seconds(soft),
        time_limit_seconds=None if hard is None else seconds(hard),
        retries=retries,
        min_backoff_seconds=seconds(min_backoff),
        max_backoff_seconds=seconds(max_backoff),
        max_rss_bytes=None if max_rss is None else size_in_bytes(max_rss),
    )
    _require(retries >= 0, f"retries is 0 or more, not {retries!r}")
    _require(
        limits.min_backoff_seconds <= limits.max_backoff_seconds,
        f"min_backoff ({min_backoff}) is longer than max_backoff ({max_backoff})",
    )
    _require(limits.soft_time_limit_seconds != 0, "soft_time_limit is more than 0")
    _require(limits.time_limit_seconds != 0, "time_limit is more than 0")
    if limits.soft_time_limit_seconds is not None and limits.time_limit_seconds is not None:
        _require(
            limits.soft_time_limit_seconds < limits.time_limit_seconds,
            f"soft_time_limit ({soft}) must be shorter than time_limit ({hard})",
        )
    return limits


def _retention(asked: Duration | None) -> float | None:
    kept = None if asked is None else seconds(asked)
    _require(
        kept is None or kept >= SHORTEST_RETENTION_SECONDS,
        f"retention is at least a second, not {asked!r}",
    )
    return kept


def _check_names(name: str, queue: str, isolation: str) -> None:
    _require(
        bool(_NAME.fullmatch(name)) and len(name) <= _LONGEST_NAME,
        'a name is lower case words with dots between them, such as "csv.profile"',
    )
    check_queue_name(queue)
    _require(isolation in ISOLATIONS, f'isolation is "slot" or "thread", not {isolation!r}')


def _check_thread(
    isolation: str, time_limit: Duration | EllipsisType | None, max_rss: Size | None
) -> None:
    if isolation == "thread":
        _require(
            time_limit in {..., None},
            "a thread cannot be killed, so isolation='thread' takes no time_limit: "
            "use soft_time_limit, or isolation='slot'",
        )
        _require(max_rss is None, "a thread has no memory of its own: max_rss needs a slot")


def _hard_limit(isolation: str, asked: Duration | EllipsisType | None) -> Duration | None:
    if isinstance(asked, EllipsisType):
        return None if isolation == "thread" else DEFAULT_TIME_LIMIT
    return asked


def _check_counts(version: int, max_jobs_per_child: int) -> None:
    _require(version >= 1, f"version is 1 or more, not {version!r}")
    _require(
        max_jobs_per_child >= 1, f"max_jobs_per_child is 1 or more, not {max_jobs_per_child!r}"
    )


def _exceptions(classes: Exceptions) -> tuple[type[BaseException], ...]:
    for each in classes:
        _require(
            issubclass(each, BaseException),
            f"retry_on and never_on are exception classes, not {each!r}",
        )
    return tuple(classes)


def _require(fact: bool, text: str) -> None:  # noqa: FBT001 - reads as a sentence
    if not fact:
        raise ValueError(text)


def _place(handler: Callable[..., object]) -> str:
    return f"{handler.__module__}.{getattr(handler, '__qualname__', '?')}"
