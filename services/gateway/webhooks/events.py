"""What a callback says: one end of one job as an event, and the job that delivers it. Pure.

Thin on purpose: what is missing is read with `links.self`, by somebody who may.
"""

import hashlib
import json
import uuid
from typing import Any, Final

import msgspec

from services.gateway.render import LinksView
from services.gateway.requests.jobs import DEFAULT_PRIORITY
from services.gateway.times import maybe_rfc3339, rfc3339
from shared.contracts.callbacks import DueCallback
from shared.contracts.catalog import CatalogEntry
from shared.contracts.operations import Submit

SUBMITTED_BY: Final = "house:callbacks"
OF_JOB: Final = "callback_of"  # the label that leads from a delivery to its job
LARGEST_EVENT: Final = 20_000  # bytes; as Standard Webhooks advises
LARGEST_RESULT: Final = 8 * 2**10  # bytes of JSON; a larger one is fetched
LONGEST_MESSAGE: Final = 500  # characters of an error, when there is no room for all of it
_VERSION_7: Final = 0x7 << 76
_VARIANT: Final = 0b10 << 62
_RANDOM_BITS: Final = (1 << 76) - 1
_AFTER_VERSION: Final = ~(0xF << 76) & ~(0b11 << 62)


def delivery_id(callback: DueCallback) -> str:
    """Return the id of the delivery: a UUIDv7, the same whenever the same end is asked about.

    Its time is that of the end, the rest is hashed from tenant, job and step.
    """
    named = f"{callback.job.tenant}\n{callback.job.id}\n{callback.step}".encode()
    random = int.from_bytes(hashlib.sha256(named).digest()[:10], "big") & _RANDOM_BITS
    return str(uuid.UUID(int=(callback.at << 80) | random & _AFTER_VERSION | _VERSION_7 | _VARIANT))


def delivery(
    callback: DueCallback, entry: CatalogEntry, links: LinksView, *, retention: int
) -> Submit:
    """Return the submit of the job that delivers an end; `retention` (ms) where it has none."""
    job, name = callback.job, delivery_id(callback)
    kept = entry.limits.retention_seconds
    payload = {"url": job.callback_url, "payload": event(callback, links), "event_id": name}
    return Submit(
        tenant=job.tenant,
        job=name,
        type=entry.type,
        type_version=entry.version,
        queue=entry.queue,
        priority=DEFAULT_PRIORITY,
        payload=_text(payload),
        max_attempts=entry.limits.retries + 1,
        labels={OF_JOB: job.id},
        submitted_by=SUBMITTED_BY,
        traceparent=job.traceparent,
        tracestate=job.tracestate,
        retention=retention if kept is None else round(kept * 1000),
    )


def event(callback: DueCallback, links: LinksView) -> dict[str, Any]:
    """Return the event of an end: `{type, timestamp, data}`, below 20 kB.

    `data.omitted` names what had to be left out.
    """
    told = _whole(callback, links)
    data = told["data"]
    if len(_text(data["result"]).encode()) > LARGEST_RESULT:
        _omit(data, "result", None)
    for name, less in (
        ("result", None),
        ("error", _shortened(data["error"])),
        ("labels", {}),
        ("error", None),
    ):
        if len(_text(told).encode()) <= LARGEST_EVENT:
            break
        _omit(data, name, less)
    return told


def _whole(callback: DueCallback, links: LinksView) -> dict[str, Any]:
    job = callback.job
    # A redrive may have taken the record further: then these are no longer of this end.
    current = job.step == callback.step
    return {
        "type": f"job.{callback.state}",
        "timestamp": rfc3339(callback.at),
        "data": {
            "id": job.id,
            "type": job.type,
            "queue": job.queue,
            "state": callback.state.value,
            "step": callback.step,
            "attempt": job.attempt if current else None,
            "redrives": job.redrives if current else None,
            "labels": job.labels,
            "created_at": rfc3339(job.created_at),
            "started_at": maybe_rfc3339(job.started_at) if current else None,
            "finished_at": rfc3339(callback.at),
            "error": _parsed(job.public_error) if current else None,
            "result": _parsed(job.result) if current else None,
            "omitted": [],
            "links": msgspec.to_builtins(links),
        },
    }


def _omit(data: dict[str, Any], name: str, less: object) -> None:
    if data[name] != less:
        data[name] = less
        if name not in data["omitted"]:
            data["omitted"].append(name)


def _shortened(error: dict[str, Any] | None) -> dict[str, Any] | None:
    if error is None:
        return None
    return {**error, "message": str(error.get("message"))[:LONGEST_MESSAGE]}


def _parsed(text: str | None) -> Any:  # noqa: ANN401 - JSON
    return None if text is None else json.loads(text)


def _text(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))
