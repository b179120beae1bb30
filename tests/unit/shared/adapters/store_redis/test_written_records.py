"""The record of a submit that wrote a new one is made without asking: from what was said."""

import pytest
from msgspec.structs import replace

from shared.adapters.store_redis.decode import decode
from shared.contracts.answers import Submitted, SubmitVerdict
from shared.contracts.batches import SubmitMany
from shared.contracts.lifecycle import State
from shared.contracts.operations import IdempotencyKey, Submit

NOW = 1_790_000_000_000
SUBMIT = Submit(
    tenant="acme",
    job="01938c5e-0000-7000-8000-000000000001",
    type="csv.profile",
    type_version=2,
    queue="bulk",
    priority=9,
    payload='{"n":1}',
    max_attempts=4,
    labels={"team": "a"},
    submitted_by="key:dev",
    run_at=NOW + 5,
    expires_at=NOW + 6,
    key=IdempotencyKey(hash="ab", fingerprint="cd"),
    traceparent="00-ef",
    tracestate="a=b",
    retention=7_000,
    unique_key="order 7",
    callback_url="https://hooks.example.com/x",
)
SAID = (
    *("tenant", "type", "type_version", "queue", "priority", "payload", "max_attempts", "labels"),
    *(
        "submitted_by",
        "run_at",
        "expires_at",
        "traceparent",
        "tracestate",
        "retention",
        "unique_key",
    ),
    "callback_url",
)
ALONE = SUBMIT, [b"written", NOW, b"8b592835", b"scheduled"]
TOGETHER = (
    SubmitMany(tenant="acme", jobs=(SUBMIT,)),
    [NOW, b"8b592835", [b"scheduled"]],
)


@pytest.mark.parametrize(("operation", "reply"), [ALONE, TOGETHER])
def test_each_member_is_what_was_said(operation: Submit | SubmitMany, reply: list[object]) -> None:
    decoded = decode(operation, reply)
    answer: Submitted = decoded[0] if isinstance(decoded, tuple) else decoded
    job = answer.job

    assert answer.verdict is SubmitVerdict.ACCEPTED
    assert job is not None
    assert [getattr(job, name) for name in SAID] == [getattr(SUBMIT, name) for name in SAID]
    assert (job.id, job.key_hash, job.created_at) == (SUBMIT.job, "ab", NOW)
    assert (job.state, job.epoch) == (State.SCHEDULED, "8b592835")
    assert (job.revision, job.step, job.dispatch, job.attempt) == (1, 1, 1, 0)


def test_a_delay_counts_from_the_store_s_own_time() -> None:
    later = replace(SUBMIT, run_at=None, delay=250)

    answer = decode(later, ALONE[1])

    assert answer.job.run_at == NOW + 250
