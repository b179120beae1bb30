"""RunJob: the message that asks a worker to run a job, in Dramatiq's wire format.

Exactly Dramatiq's seven top-level keys; what is Waymark's stands in `options` (PROTOCOL, Message).
It carries enough to rebuild the record of a job whose store forgot it. The payload is kept as the
JSON text it arrived in.
"""

from typing import Any, Final

import msgspec

from shared.contracts.errors import Undecodable
from shared.contracts.job import DEFAULT_RETENTION, JobRecord

SCHEMA: Final = 1  # of `options`; a reader accepts its own and one more or less
_READABLE: Final = range(SCHEMA - 1, SCHEMA + 2)


class RunJobOptions(msgspec.Struct, frozen=True, omit_defaults=True):
    """What the worker must know beside the payload. Times in ms since the epoch (Redis TIME).

    What is as usual is left out of the message.
    """

    schema: int
    tenant: str
    dispatch: int
    queue: str
    priority: int
    type_version: int
    recorded_at: int
    max_attempts: int
    attempts: int = 0
    crashes: int = 0
    run_at: int | None = None
    expires_at: int | None = None
    labels: dict[str, str] = {}
    submitted_by: str = ""
    key_hash: str | None = None
    traceparent: str | None = None
    retention: int = DEFAULT_RETENTION
    unique_key: str | None = None
    callback_url: str | None = None
    tracestate: str | None = None


class _Kwargs(msgspec.Struct, frozen=True):
    payload: msgspec.Raw


class _Envelope(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Dramatiq's message; an eighth key would make a stock worker drop it."""

    queue_name: str
    actor_name: str
    args: list[Any]
    kwargs: _Kwargs
    options: RunJobOptions
    message_id: str
    message_timestamp: int


_encoder = msgspec.json.Encoder()
_decoder = msgspec.json.Decoder(_Envelope)


class RunJob(msgspec.Struct, frozen=True):
    """The intent to run one dispatch of one job. `payload` is JSON text."""

    job: str
    type: str
    payload: str
    options: RunJobOptions

    @classmethod
    def of(cls, record: JobRecord) -> "RunJob":
        """Build the message for the current dispatch of `record`."""
        options = RunJobOptions(  # by place: see JobRecord
            SCHEMA,
            record.tenant,
            record.dispatch,
            record.queue,
            record.priority,
            record.type_version,
            record.created_at,
            record.max_attempts,
            record.spent,
            record.crashes,
            record.run_at,
            record.expires_at,
            record.labels,
            record.submitted_by,
            record.key_hash,
            record.traceparent,
            record.retention,
            record.unique_key,
            record.callback_url,
            record.tracestate,
        )
        return cls(record.id, record.type, record.payload, options)

    def encode(self, *, queue_name: str, timestamp_ms: int) -> bytes:
        """Return the body for the AMQP queue `queue_name`."""
        return _encoder.encode(
            _Envelope(
                queue_name,
                self.type,
                [],
                _Kwargs(msgspec.Raw(self.payload.encode())),
                self.options,
                self.job,
                timestamp_ms,
            )
        )

    @classmethod
    def decode(cls, body: bytes) -> "RunJob":
        """Read a message's body.

        Raises:
            Undecodable: not JSON, not this shape, or a schema this reader does not know.
        """
        try:
            envelope = _decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as fault:
            raise Undecodable(f"The message cannot be decoded: {fault}") from fault
        if envelope.options.schema not in _READABLE:
            raise Undecodable(
                f"The message has schema {envelope.options.schema}, this worker reads {SCHEMA}.",
                job=envelope.message_id,
            )
        return cls(
            job=envelope.message_id,
            type=envelope.actor_name,
            payload=bytes(envelope.kwargs.payload).decode(),
            options=envelope.options,
        )
