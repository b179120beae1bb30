"""A job as clients see it (DESIGN, section 5). User data stays the JSON text it is."""

import json
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import msgspec
from starlette.responses import Response

from services.gateway.times import maybe_rfc3339, rfc3339
from shared.contracts.job import Attempt, DeadLetter, Discarded, JobRecord
from shared.contracts.lifecycle import State

JSON: Final = "application/json"
POLL_SECONDS: Final = 1  # of a job that may end at any moment
LONGEST_POLL_SECONDS: Final = 60
_NULL: Final = msgspec.Raw(b"null")
encode: Final = msgspec.json.Encoder().encode


class DeadLetterView(msgspec.Struct):
    """Since when and why a failed job waits for an operator."""

    since: str
    reason: str


class DiscardedView(msgspec.Struct):
    """When, by whom and why an operator gave a dead letter up for good."""

    at: str
    by: str
    reason: str | None


class AttemptView(msgspec.Struct):
    """One run of the handler."""

    number: int
    started_at: str
    finished_at: str | None
    outcome: str | None
    error: msgspec.Raw
    worker: str


class LinksView(msgspec.Struct):
    """Where to go from here, absolute."""

    self: str
    events: str
    stream: str
    cancel: str


class AccessView(msgspec.Struct):
    """A browser token and where to use it."""

    token: str
    expires_at: str
    stream_url: str


class JobView(msgspec.Struct):
    """The job of DESIGN section 5, to the letter."""

    id: str
    type: str
    queue: str
    state: str
    final: bool
    revision: int
    step: int
    attempt: int
    max_attempts: int
    priority: int
    payload: msgspec.Raw
    result: msgspec.Raw
    error: msgspec.Raw
    progress: msgspec.Raw
    labels: dict[str, str]
    unique_key: str | None
    callback_url: str | None
    created_at: str
    run_at: str | None
    started_at: str | None
    finished_at: str | None
    expires_at: str | None
    submitted_by: str
    retry_at: str | None
    cancel_requested_at: str | None
    stopped_by: str | None
    dead_letter: DeadLetterView | None
    discarded: DiscardedView | None
    redrives: int
    attempts: list[AttemptView]
    links: LinksView


class _More(msgspec.Struct):
    access: AccessView
    deduplicated: bool


@dataclass(frozen=True)
class Renderer:
    """Knows where the house is reached from outside."""

    base_url: str
    stream_url: str

    @cached_property
    def events_base(self) -> str:
        """Where the notifier's other routes are, made from the stream's address."""
        return f"http{self.stream_url.removeprefix('ws').removesuffix('/v1/stream')}"

    def location(self, job: str) -> str:
        """Return the address of a job."""
        return f"{self.base_url}/v1/jobs/{job}"

    def links(self, job: str) -> LinksView:
        """Return the links of a job."""
        own = self.location(job)
        return LinksView(
            self=own,
            events=f"{self.events_base}/v1/jobs/{job}/events",
            stream=self.stream_url,
            cancel=f"{own}/cancel",
        )

    def job(self, record: JobRecord, *, operator: bool) -> JobView:
        """Return the view of a record; `operator` sees the full errors."""
        return JobView(
            id=record.id,
            type=record.type,
            queue=record.queue,
            state=record.state,
            final=record.final,
            revision=record.revision,
            step=record.step,
            attempt=record.attempt,
            max_attempts=record.max_attempts,
            priority=record.priority,
            payload=_raw(record.payload),
            result=_raw(record.result),
            error=_raw(record.error if operator else record.public_error),
            progress=_raw(record.progress),
            labels=record.labels,
            unique_key=record.unique_key,
            callback_url=record.callback_url if operator else None,
            created_at=rfc3339(record.created_at),
            run_at=maybe_rfc3339(record.run_at),
            started_at=maybe_rfc3339(record.started_at),
            finished_at=maybe_rfc3339(record.finished_at),
            expires_at=maybe_rfc3339(record.expires_at),
            submitted_by=record.submitted_by,
            retry_at=maybe_rfc3339(record.retry_at),
            cancel_requested_at=maybe_rfc3339(record.cancel_requested_at),
            stopped_by=record.stopped_by,
            dead_letter=_dead_letter(record.dead_letter),
            discarded=_discarded(record.discarded),
            redrives=record.redrives,
            attempts=[_attempt(attempt, operator=operator) for attempt in record.attempts],
            links=self.links(record.id),
        )

    def accepted(
        self, record: JobRecord, *, operator: bool, access: AccessView, deduplicated: bool = False
    ) -> bytes:
        """Return the JSON that answers a submit.

        It is the job with the browser token; `deduplicated`: it is another request's job.
        """
        job, more = encode(self.job(record, operator=operator)), _More(access, deduplicated)
        return job[:-1] + b"," + encode(more)[1:]


def etag(record: JobRecord) -> str:
    """Return the entity tag, quotes included."""
    return f'"{record.epoch}-{record.revision}-{record.step}"'


def poll_after(record: JobRecord, *, now_ms: int) -> int | None:
    """Return in how many seconds a look is worth while; None for a job that has ended."""
    if record.final:
        return None
    due = None
    if record.state is State.SCHEDULED:
        due = record.run_at
    elif record.state is State.RETRYING:
        due = record.retry_at
    wait = 0 if due is None else -(-(due - now_ms) // 1000)
    return min(max(POLL_SECONDS, wait), LONGEST_POLL_SECONDS)


def respond(
    view: msgspec.Struct,
    record: JobRecord,
    *,
    now_ms: int,
    status: int = 200,
    headers: dict[str, str] | None = None,
) -> Response:
    """Return the response that shows one job."""
    return Response(encode(view), status, headers_of(record, now_ms, headers or {}), JSON)


def unchanged(record: JobRecord, *, now_ms: int, headers: dict[str, str]) -> Response:
    """Return the response for a client that knows this state already."""
    return Response(status_code=304, headers=headers_of(record, now_ms, headers))


def headers_of(record: JobRecord, now_ms: int, headers: dict[str, str]) -> dict[str, str]:
    """Return what the head of an answer says of the job that it shows."""
    extra = {"etag": etag(record), "cache-control": "no-store", **headers}
    wait = poll_after(record, now_ms=now_ms)
    return extra if wait is None else {**extra, "retry-after": str(wait)}


def respond_json(
    document: object, *, status: int = 200, headers: dict[str, str] | None = None
) -> Response:
    """Return any other document."""
    return Response(
        encode(document), status, {"cache-control": "no-store", **(headers or {})}, JSON
    )


def _dead_letter(letter: DeadLetter | None) -> DeadLetterView | None:
    if letter is None:
        return None
    return DeadLetterView(since=rfc3339(letter.since), reason=letter.reason.value)


def _discarded(discarded: Discarded | None) -> DiscardedView | None:
    if discarded is None:
        return None
    return DiscardedView(at=rfc3339(discarded.at), by=discarded.by, reason=discarded.reason)


def _attempt(attempt: Attempt, *, operator: bool) -> AttemptView:
    return AttemptView(
        number=attempt.number,
        started_at=rfc3339(attempt.started_at),
        finished_at=maybe_rfc3339(attempt.finished_at),
        outcome=attempt.outcome.value if attempt.outcome else None,
        error=_raw(attempt.error) if operator else _without_text(attempt.error),
        worker=attempt.worker,
    )


def _without_text(error: str | None) -> msgspec.Raw:
    # The record keeps an attempt's error for operators only: everybody else learns what kind
    # of error it was, not what the handler or a library said.
    if error is None:
        return _NULL
    full = json.loads(error)
    return msgspec.Raw(
        encode(
            {
                "code": full.get("code"),
                "message": None,
                "type": None,
                "retryable": full.get("retryable"),
            }
        )
    )


def _raw(text: str | None) -> msgspec.Raw:
    return _NULL if text is None else msgspec.Raw(text.encode())
