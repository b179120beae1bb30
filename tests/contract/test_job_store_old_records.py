"""Records as earlier versions wrote them, every field said: they read and move as today's do."""

import json
from collections.abc import Iterator
from typing import cast

import pytest

from shared.contracts import operations as ops
from shared.contracts.answers import SubmitVerdict
from shared.contracts.job import JobRecord
from shared.contracts.lifecycle import State
from shared.contracts.retention import DeleteEnded
from tests.contract import store_words as say
from tests.contract.store_worlds import TENANT, RedisWorld

START = f"wm:{{{TENANT}}}:"
A_DAY = 24 * 3_600_000
KEY = ops.IdempotencyKey(hash="aa", fingerprint="11")
SAID_THEN = {
    **dict.fromkeys(("attempt", "spent", "spent_all", "crashes", "losses", "number"), 0),
    **dict.fromkeys(("redrives", "handed"), 0),
    **dict.fromkeys(("run_at", "expires_at", "traceparent", "token"), ""),
}


@pytest.fixture
def world(redis_url: str) -> Iterator[RedisWorld]:
    made = RedisWorld(redis_url)
    yield made
    made.close()


def as_then(world: RedisWorld, job: JobRecord) -> None:
    """Make the record, and what its key is bound to, what an earlier version made of them."""
    said = {**SAID_THEN, "labels": "{}", "dispatched_at": job.created_at}
    for name, value in said.items():
        world.client.hsetnx(f"{START}job:{job.id}", name, str(value))
    if job.key_hash:
        marker = {"marker_until": job.created_at + 10_000, "marker_of": job.id}
        for name, value in marker.items():
            world.client.hset(f"{START}idem:{job.key_hash}", name, str(value))


def test_a_record_that_says_everything_reads_the_same(world: RedisWorld) -> None:
    job = say.submit(world, labels={}, key=KEY, traceparent=None, tracestate=None)
    read = say.read(world, job.id)

    as_then(world, job)

    assert say.read(world, job.id) == read == job


@pytest.mark.parametrize("rest", ["é", " é", "-more", ' "a"'])
def test_what_stood_behind_a_traceparent_then_keeps_no_job_from_its_way(
    world: RedisWorld, rest: str
) -> None:
    job = say.submit(world)
    world.client.hset(f"{START}job:{job.id}", "traceparent", say.TRACEPARENT + rest)

    claimed = say.claim(world, job).job

    assert claimed
    assert claimed.traceparent == say.TRACEPARENT
    assert (claimed.tracestate or "").isascii()
    place = world.do(ops.Locate(tenant=TENANT, job=job.id, after_step=0))
    assert place
    assert place.traceparent == say.TRACEPARENT
    assert json.loads(place.steps[-1].frame)["traceparent"].startswith(say.TRACEPARENT)


@pytest.mark.parametrize("labels", [{}, {"team": "a"}])
def test_it_goes_through_its_life_and_is_deleted(world: RedisWorld, labels: dict[str, str]) -> None:
    job = say.submit(world, labels=labels, key=KEY, retention=1)
    as_then(world, job)
    right = say.token()

    claimed = say.claim(world, job, token=right).job
    assert claimed
    assert (claimed.state, claimed.attempt) == (State.RUNNING, 1)
    world.do(say.retry_of(claimed, right, delay=1_000))
    world.now += 1_000
    again = say.claim(world, say.read(world, job.id), token=say.token(1)).job
    assert again
    assert (again.attempt, again.spent, again.progress) == (2, 1, None)
    world.do(say.succeed_of(again, say.token(1)))

    world.now += A_DAY
    assert world.do(DeleteEnded(tenant=TENANT, limit=10)).jobs == (job.id,)
    left = {key.decode() for key in world.client.scan_iter(f"{START}*{job.id}*")}
    assert left == {f"{START}tomb:{job.id}"}
    assert world.do(ops.ListJobs(tenant=TENANT, before=None, limit=10)).jobs == ()


def test_a_key_that_was_marked_then_is_in_flight_for_as_long(world: RedisWorld) -> None:
    first = world.do(say.submit_of(world, key=KEY)).job
    assert first
    as_then(world, first)

    soon = world.do(say.submit_of(world, key=KEY))
    world.now += 10_000
    late = world.do(say.submit_of(world, key=KEY))

    assert soon.verdict is SubmitVerdict.IN_FLIGHT
    assert late.verdict is SubmitVerdict.REPUBLISH


def test_what_is_not_said_is_not_written(world: RedisWorld) -> None:
    job = say.submit(world, labels={}, key=KEY, traceparent=None, tracestate=None)

    said = cast("dict[bytes, bytes]", world.client.hgetall(f"{START}job:{job.id}"))

    assert not {name.decode() for name in said} & {*SAID_THEN, "labels"}
