"""SubmitMany and ConfirmMany, on the fake and on Redis."""

from typing import Any

from shared.contracts import operations as ops
from shared.contracts.answers import Submitted, SubmitVerdict
from shared.contracts.batches import ConfirmMany, SubmitMany
from shared.contracts.job import OnConflict
from shared.contracts.lifecycle import State
from tests.contract import store_words as say
from tests.contract.store_worlds import TENANT, World

KEY = ops.IdempotencyKey(hash="aa", fingerprint="11")
OTHER_BODY = ops.IdempotencyKey(hash="aa", fingerprint="22")


def submit_many(
    world: World, *jobs: dict[str, Any], atomic: bool = False
) -> tuple[tuple[Submitted, ...], tuple[ops.Submit, ...]]:
    asked = tuple(say.submit_of(world, **job) for job in jobs)
    return world.do(SubmitMany(tenant=TENANT, jobs=asked, atomic=atomic)), asked


def verdicts(answers: tuple[Submitted, ...]) -> list[str]:
    return [answer.verdict.value for answer in answers]


def live(world: World) -> int:
    return len(world.do(ops.ListJobs(tenant=TENANT, before=None, limit=200)).jobs)


def test_a_batch_is_many_submits(world: World) -> None:
    answers, asked = submit_many(
        world,
        {"payload": '{"n":1}', "key": KEY},
        {"delay": 60_000, "labels": {}},
        {"unique_key": "u", "callback_url": "https://a", "retention": 5_000},
    )

    assert verdicts(answers) == ["accepted"] * 3
    found = [say.read(world, one.job) for one in asked]
    assert [answer.job for answer in answers] == found
    assert [job.state for job in found] == [State.QUEUED, State.SCHEDULED, State.QUEUED]
    assert found[0].payload == '{"n":1}'
    assert (found[2].unique_key, found[2].retention) == ("u", 5_000)
    assert world.index("outbox") == {one.job: world.now + 5_000 for one in asked}
    assert world.index("due") == {asked[1].job: world.now + 60_000}


def test_a_batch_that_is_asked_for_again_changes_nothing(world: World) -> None:
    asked = SubmitMany(
        tenant=TENANT, jobs=tuple(say.submit_of(world, key=None) for _ in range(3)), atomic=True
    )
    first = world.do(asked)

    assert world.do(asked) == first
    assert live(world) == 3


def test_an_empty_batch_is_nothing(world: World) -> None:
    assert submit_many(world) == ((), ())


def test_each_job_of_a_batch_gets_its_own_answer(world: World) -> None:
    holder = say.submit(world, unique_key="taken")
    say.submit(world, key=KEY)

    answers, asked = submit_many(
        world,
        {"unique_key": "taken"},
        {"unique_key": "taken", "on_conflict": OnConflict.REJECT},
        {"key": KEY},
        {"key": OTHER_BODY},
        {},
    )

    assert verdicts(answers) == ["duplicate", "taken", "replayed", "mismatch", "accepted"]
    assert answers[1].holder == holder.id
    assert world.do(ops.Read(tenant=TENANT, job=asked[-1].job))
    assert live(world) == 3


def test_the_jobs_of_a_batch_meet_each_other(world: World) -> None:
    answers, asked = submit_many(
        world,
        {"unique_key": "u"},
        {"unique_key": "u"},
        {"unique_key": "u", "on_conflict": OnConflict.REJECT},
        {"quota": 2},
        {"quota": 2},
    )

    assert verdicts(answers) == ["accepted", "duplicate", "taken", "accepted", "over_quota"]
    assert answers[1].job
    assert answers[1].job.id == answers[2].holder == asked[0].job


def test_an_atomic_batch_with_a_refusal_leaves_no_trace(world: World) -> None:
    holder = say.submit(world, unique_key="taken")

    answers, asked = submit_many(
        world,
        {"key": KEY, "unique_key": "fresh"},
        {"unique_key": "taken", "on_conflict": OnConflict.REJECT},
        {"unique_key": "taken"},
        atomic=True,
    )

    assert verdicts(answers) == ["withheld", "taken", "withheld"]
    assert answers[1].holder == holder.id
    assert [world.do(ops.Read(tenant=TENANT, job=one.job)) for one in asked] == [None] * 3
    fresh = world.do(say.submit_of(world, key=KEY, unique_key="fresh"))
    assert fresh.verdict is SubmitVerdict.ACCEPTED, "neither key is bound"


def test_an_atomic_batch_counts_itself(world: World) -> None:
    reject = OnConflict.REJECT
    over, _ = submit_many(world, *[{"quota": 2}] * 3, atomic=True)
    twice, _ = submit_many(
        world, {"unique_key": "u"}, {"unique_key": "u", "on_conflict": reject}, atomic=True
    )
    fits, _ = submit_many(
        world, {"quota": 2}, {"unique_key": "u"}, {"unique_key": "u"}, atomic=True
    )

    assert verdicts(over) == ["withheld", "withheld", "over_quota"]
    assert verdicts(twice) == ["withheld", "taken"]
    assert twice[1].holder is None, "the job that was in its way came with it"
    assert verdicts(fits) == ["accepted", "accepted", "duplicate"]
    assert live(world) == 2


def test_an_atomic_batch_that_meets_its_own_keys_is_replayed(world: World) -> None:
    key = ops.IdempotencyKey(hash="bb", fingerprint="11")
    _, first = submit_many(world, {"key": KEY, "quota": 2}, {"key": key, "quota": 2}, atomic=True)
    in_flight, _ = submit_many(world, {"key": KEY}, {"key": key}, atomic=True)
    pairs = tuple((one.job, 1) for one in first)
    assert world.do(ConfirmMany(tenant=TENANT, dispatches=pairs)) == 2

    answers, _ = submit_many(world, {"key": KEY, "quota": 2}, {"key": key, "quota": 2}, atomic=True)

    assert verdicts(in_flight) == ["in_flight", "in_flight"]
    assert verdicts(answers) == ["replayed", "replayed"]
    assert [answer.job and answer.job.id for answer in answers] == [one.job for one in first]


def test_an_atomic_batch_whose_first_jobs_were_never_confirmed_publishes_them(world: World) -> None:
    _, first = submit_many(world, {"key": KEY}, atomic=True)
    world.now += 10_000

    answers, _ = submit_many(world, {"key": KEY}, {}, atomic=True)

    assert verdicts(answers) == ["republish", "accepted"]
    assert answers[0].job
    assert answers[0].job.id == first[0].job


def test_many_confirms_clear_what_is_current(world: World) -> None:
    a, b = say.submit_unconfirmed(world), say.submit_unconfirmed(world, delay=9_000)
    c = say.submit(world)

    cleared = world.do(
        ConfirmMany(tenant=TENANT, dispatches=((a.id, 1), (b.id, 1), (c.id, 1), ("gone", 1)))
    )

    assert cleared == 2
    assert world.index("outbox") == {}
    assert world.index("waiting") == {a.id: world.now, c.id: world.now}
