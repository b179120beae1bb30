"""A message says of its job what the record says, and leaves out what is as usual."""

import json
from typing import Any

from shared.contracts.commands import SCHEMA, RunJob
from shared.contracts.job import JobRecord
from tests.fakes.jobs import record

# What an option is called in the record, where that differs.
IN_RECORD = {"recorded_at": "created_at", "attempts": "spent"}
UNUSUAL: dict[str, Any] = {
    "dispatch": 3,
    "queue": "bulk",
    "priority": 9,
    "type_version": 4,
    "created_at": 1_100,
    "max_attempts": 5,
    "spent": 6,
    "crashes": 7,
    "run_at": 1_200,
    "expires_at": 1_300,
    "labels": {"team": "a"},
    "submitted_by": "key:dev",
    "key_hash": "ab",
    "traceparent": "00-cd",
    "tracestate": "vendor=1",
    "retention": 1_400,
    "unique_key": "order 7",
    "callback_url": "https://hooks.example.com/x",
}


def envelope(job: JobRecord) -> dict[str, Any]:
    """Return a job's message as anybody may read it."""
    body = RunJob.of(job).encode(queue_name="waymark.bulk", timestamp_ms=1)
    read: dict[str, Any] = json.loads(body)
    return read


def test_each_option_is_what_the_record_says() -> None:
    job = record(**UNUSUAL)

    options = envelope(job)["options"]

    assert options.pop("schema") == SCHEMA
    assert options == {name: getattr(job, IN_RECORD.get(name, name)) for name in options}
    assert len(set(map(str, options.values()))) == len(options) == len(UNUSUAL) + 1  # the tenant


def test_what_is_as_usual_is_left_out_and_read_as_such() -> None:
    job = record()

    message = RunJob.of(job)
    body = message.encode(queue_name="waymark.default", timestamp_ms=1)

    assert RunJob.decode(body) == message
    assert set(json.loads(body)["options"]) == {
        *("schema", "tenant", "dispatch", "queue", "priority", "type_version", "recorded_at"),
        "max_attempts",
    }


def test_an_older_message_that_says_everything_reads_the_same() -> None:
    message = RunJob.of(record())
    said = envelope(record())
    usual: dict[str, object] = {
        "attempts": 0,
        "crashes": 0,
        "run_at": None,
        "labels": {},
        "key_hash": None,
    }

    said["options"] |= usual

    assert RunJob.decode(json.dumps(said, separators=(",", ":")).encode()) == message
