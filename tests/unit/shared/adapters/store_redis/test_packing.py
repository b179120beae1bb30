"""What is packed by hand is what the plain encoder says, argument by argument."""

from typing import Any

import hiredis
from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.store_redis.encode import encode
from shared.adapters.store_redis.packing import Packer
from shared.adapters.store_redis.scripts import render_all
from shared.contracts.batches import ConfirmMany, SubmitMany
from shared.contracts.job import OnConflict
from shared.contracts.operations import IdempotencyKey, Operation, Read, Submit

SCRIPTS = render_all()
OPERATION_ID = 1  # where it stands among a script's own arguments: a random one each time

TEXTS = st.text(st.characters(codec="utf-8"), max_size=12)
MAYBE_TEXTS = st.none() | TEXTS
MAYBE_TIMES = st.none() | st.sampled_from([1, 1_790_000_000_000])
KEYS = st.builds(IdempotencyKey, hash=st.sampled_from(["ab" * 32, "cd" * 32]), fingerprint=TEXTS)
SUBMITS = st.builds(
    Submit,
    tenant=st.just("acme"),
    job=st.uuids().map(str),
    type=st.sampled_from(["demo.steps", "csv.profile"]),
    type_version=st.sampled_from([1, 2]),
    queue=st.sampled_from(["default", "bulk"]),
    priority=st.sampled_from([0, 9]),
    payload=TEXTS,
    max_attempts=st.sampled_from([1, 4]),
    labels=st.dictionaries(st.sampled_from(["team", "run"]), TEXTS, max_size=2),
    submitted_by=st.sampled_from(["key:dev", "key:ops"]),
    delay=MAYBE_TIMES,
    run_at=MAYBE_TIMES,
    expires_at=MAYBE_TIMES,
    key=st.none() | KEYS,
    traceparent=MAYBE_TEXTS,
    tracestate=MAYBE_TEXTS,
    retention=st.sampled_from([1_000, 604_800_000]),
    unique_key=MAYBE_TEXTS,
    on_conflict=st.sampled_from(OnConflict),
    quota=st.sampled_from([None, 1_000_000]),
    callback_url=MAYBE_TEXTS,
)


def arguments(packed: bytes) -> list[bytes]:
    """Read one command as Redis does."""
    reader = hiredis.Reader()
    reader.feed(packed)
    read: Any = reader.gets()
    assert reader.gets() is False, "there is something behind it"
    return list(read)


def plain(operation: Operation[Any]) -> list[bytes]:
    """Return the command of the plain encoder."""
    call = encode(operation)
    asked = ("EVALSHA", SCRIPTS[call.script].sha, len(call.keys), *call.keys, *call.args)
    return [part if isinstance(part, bytes) else str(part).encode() for part in asked]


def without_id(asked: list[bytes]) -> list[bytes]:
    """Leave out what differs each time."""
    place = 3 + int(asked[2]) + OPERATION_ID
    assert asked[place]
    return [*asked[:place], *asked[place + 1 :]]


@given(st.lists(st.lists(SUBMITS, min_size=1, max_size=5), min_size=1, max_size=3), st.booleans())
def test_a_batch_says_of_each_job_what_a_single_submit_would(
    batches: list[list[Submit]], atomic: bool
) -> None:
    packer = Packer(SCRIPTS)
    for jobs in batches:
        batch = SubmitMany(tenant="acme", jobs=tuple(jobs), atomic=atomic)

        enrolment, asked = packer.pack(batch)

        assert arguments(enrolment) == [b"SADD", b"wm:tenants", b"acme"]
        assert without_id(arguments(asked)) == without_id(plain(batch))


@given(st.lists(SUBMITS, min_size=1, max_size=3))
def test_a_redis_without_the_script_is_told_its_text_and_the_same(jobs: list[Submit]) -> None:
    batch = SubmitMany(tenant="acme", jobs=tuple(jobs))

    _, asked = Packer(SCRIPTS).pack_with_text(batch)

    command, text, *rest = arguments(asked)
    assert (command, text) == (b"EVAL", SCRIPTS["submit_many"].text.encode())
    assert without_id([command, text, *rest])[2:] == without_id(plain(batch))[2:]


def test_what_makes_no_tenant_enrols_none() -> None:
    read = Read(tenant="acme", job="j")
    confirm = ConfirmMany(tenant="acme", dispatches=(("j", 1), ("k", 2)))

    for operation in (read, confirm):
        (asked,) = Packer(SCRIPTS).pack(operation)

        assert without_id(arguments(asked)) == without_id(plain(operation))
