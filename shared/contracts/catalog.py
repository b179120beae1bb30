"""What may be asked for: the entry by which workers announce a job type to the gateway."""

import msgspec


class Limits(msgspec.Struct, frozen=True, kw_only=True):
    """The limits of a job type; durations in seconds, memory in bytes, None for no limit."""

    soft_time_limit_seconds: float | None
    time_limit_seconds: float | None
    retries: int
    min_backoff_seconds: float
    max_backoff_seconds: float
    max_rss_bytes: int | None = None
    retention_seconds: float | None = None  # of an ended job; None: as the gateway is told


class CatalogEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One job type. The schemas are JSON Schema 2020-12; the payload's is an object's."""

    type: str
    version: int
    summary: str
    queue: str
    isolation: str  # "slot" or "thread": a thread knows the soft limit only
    limits: Limits
    payload_schema: dict[str, object]
    result_schema: dict[str, object] | None


class RunningJob(msgspec.Struct, frozen=True, kw_only=True):
    """What a slot is busy with; `since` is when the attempt began, ms since the epoch."""

    tenant: str
    job: str
    type: str
    queue: str
    attempt: int
    since: int


class WorkerCard(msgspec.Struct, frozen=True, kw_only=True):
    """One live worker, as it announces itself; times in ms since the epoch (Redis TIME)."""

    id: str
    host: str
    pid: int
    slots: int
    busy: int
    queues: tuple[str, ...]
    types: tuple[str, ...]
    started_at: int
    version: str = ""  # of its build, as its operator calls it
    draining: bool = False
    running: tuple[RunningJob, ...] = ()
    held: dict[str, tuple[str, ...]] = {}  # by tenant, the jobs of unsettled deliveries
    seen_at: int = 0  # set by the registry
