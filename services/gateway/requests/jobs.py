"""What a client may say when it submits a job: the fields of POST /v1/jobs, checked. Pure.

The payload is not checked here but by the schema of its type (`catalogue.py`).
"""

import re
from collections.abc import Mapping
from typing import Final

import msgspec

from services.gateway.refusals import NotJson, PayloadTooLarge
from services.gateway.requests.fields import (
    Broken,
    Fields,
    Rule,
    a_moment,
    a_name,
    a_text,
    a_whole_number,
    an_object,
    one_of,
    seconds_as_ms,
)
from shared.contracts.job import OnConflict
from shared.contracts.webhooks import DELIVER

DEFAULT_PRIORITY: Final = 5
MAX_PRIORITY: Final = 9
MAX_ATTEMPTS: Final = 100  # each is several of the 1,000 steps a job may have
MAX_DELAY_SECONDS: Final = 366 * 24 * 3600
MAX_LABEL_VALUE: Final = 256  # characters
LONGEST_UNIQUE_KEY: Final = 255  # characters
TYPE: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,127}", re.ASCII)
QUEUE: Final = re.compile(r"[a-z0-9][a-z0-9_-]{0,62}", re.ASCII)
LABEL: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._/-]{0,62}", re.ASCII)


class JobRequest(msgspec.Struct, frozen=True, kw_only=True):
    """A job as asked for; times and durations in ms, `payload` parsed."""

    type: str
    payload: Mapping[str, object]
    queue: str | None = None
    priority: int = DEFAULT_PRIORITY
    delay: int | None = None
    run_at: int | None = None
    expires_at: int | None = None
    labels: dict[str, str] = {}
    max_attempts: int | None = None
    unique_key: str | None = None
    on_conflict: OnConflict = OnConflict.RETURN
    callback_url: str | None = None


_LEAST: Final = 2  # members: type and payload
_type: Final = a_name(TYPE)
_queue: Final = a_name(QUEUE)
_priority: Final = a_whole_number(0, MAX_PRIORITY)
_attempts: Final = a_whole_number(1, MAX_ATTEMPTS)
_unique_key: Final = a_text(shortest=1, longest=LONGEST_UNIQUE_KEY)
_on_conflict: Final = one_of(OnConflict)
_delay: Final = seconds_as_ms(MAX_DELAY_SECONDS)


def parse_job_request(
    body: object, *, max_labels: int, now_ms: int, a_url: Rule[str]
) -> JobRequest:
    """Return the request in a parsed body; `a_url` is the rule for URLs of webhooks.

    Raises:
        Invalid: with a fault for each thing wrong.
    """
    if (plain := _plain(body)) is not None:
        return plain
    fields = Fields(body)
    type_name = fields.required("type", _type)
    payload = fields.required("payload", an_object)
    queue = fields.optional("queue", _queue)
    priority = fields.optional("priority", _priority)
    delay = fields.optional("delay_seconds", _delay)
    run_at = fields.optional("run_at", a_moment)
    expires_at = fields.optional("expires_at", a_moment)
    labels = _labels(fields, most=max_labels)
    max_attempts = fields.optional("max_attempts", _attempts)
    unique_key = fields.optional("unique_key", _unique_key)
    on_conflict = fields.optional("on_conflict", _on_conflict)
    if on_conflict is not None and unique_key is None:
        fields.fault("on_conflict", "This is for a job with a unique_key.")
    callback_url = fields.optional("callback_url", a_url)
    if type_name == DELIVER:
        _check_webhook(fields, payload or {}, callback_url, a_url)
    if delay is not None and run_at is not None:
        fields.fault("run_at", "Give delay_seconds or run_at, not both.")
    if expires_at is not None and expires_at <= max(now_ms + (delay or 0), run_at or 0):
        fields.fault("expires_at", "This is over before the job could start.")
    fields.finish()
    return JobRequest(
        type=type_name or "",
        payload=payload or {},
        queue=queue,
        priority=DEFAULT_PRIORITY if priority is None else priority,
        delay=delay,
        run_at=run_at,
        expires_at=expires_at,
        labels=labels,
        max_attempts=max_attempts,
        unique_key=unique_key,
        on_conflict=on_conflict or OnConflict.RETURN,
        callback_url=callback_url,
    )


def _plain(body: object) -> JobRequest | None:
    """Return a request that says no more than it has to, and nothing wrong; most are such."""
    if not isinstance(body, dict) or len(body) != _LEAST:
        return None
    name, payload = body.get("type"), body.get("payload")
    if not isinstance(name, str) or not isinstance(payload, dict) or name == DELIVER:
        return None
    return JobRequest(type=name, payload=payload) if TYPE.fullmatch(name) else None


def _check_webhook(
    fields: Fields, payload: Mapping[str, object], callback_url: str | None, a_url: Rule[str]
) -> None:
    if callback_url is not None:
        fields.fault("callback_url", "A webhook has no callback: it would be another webhook.")
    if isinstance(payload.get("url"), str):
        try:
            a_url(payload["url"])
        except Broken as broken:
            fields.fault("payload", str(broken), "url")


class _Slice(msgspec.Struct):
    payload: msgspec.Raw


_slicer: Final = msgspec.json.Decoder(_Slice)


def payload_text(body: bytes, *, limit: int) -> str:
    """Return the exact text of the member `payload` of a body that `parse_json` has accepted.

    Raises:
        PayloadTooLarge: more than `limit` bytes.
        NotJson: this second parser does not agree with the first.
    """
    try:
        text = bytes(_slicer.decode(body).payload)
    except msgspec.DecodeError as fault:
        raise NotJson(f"The body is not JSON: {fault}") from fault
    if len(text) > limit:
        raise PayloadTooLarge(f"The payload is larger than {limit} bytes.")
    return text.decode()


def _labels(fields: Fields, *, most: int) -> dict[str, str]:
    kept: dict[str, str] = {}
    labels = fields.optional("labels", an_object) or {}
    if len(labels) > most:
        fields.fault("labels", f"There may be at most {most} labels.")
        return kept
    for name, text in labels.items():
        if not LABEL.fullmatch(name):
            fields.fault("labels", f"The name of a label must match {LABEL.pattern}.", name)
        elif not isinstance(text, str) or len(text) > MAX_LABEL_VALUE:
            fault = f"This must be a string of at most {MAX_LABEL_VALUE} characters."
            fields.fault("labels", fault, name)
        else:
            kept[name] = text
    return kept
