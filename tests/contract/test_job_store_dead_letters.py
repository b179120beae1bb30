"""Redrive, discard and the index of dead letters, on the fake and on Redis."""

from typing import Any

import pytest

from shared.contracts import dead_letters as letters
from shared.contracts import operations as ops
from shared.contracts.answers import Archived, ArchiveVerdict, ClaimVerdict, SettleVerdict
from shared.contracts.commands import RunJob
from shared.contracts.dead_letters import LetterAnswer, LetterFilter, LetterVerdict, Place
from shared.contracts.job import DeadLetterReason, Discarded, JobRecord
from shared.contracts.lifecycle import State
from tests.contract import store_words as say
from tests.contract.store_worlds import TENANT, World

ANY = LetterFilter()


def dead(world: World, *, code: str = "oops", **changes: Any) -> JobRecord:
    """Let a job fail for good."""
    job, right = say.running(world, **changes)
    fault = ops.Fault(
        error=f'{{"code":"{code}","message":"m"}}', public=say.PUBLIC, outcome=say.FAULT.outcome
    )
    world.do(say.fail_of(job, right, fault))
    return say.read(world, job.id)


def redrive(world: World, job: JobRecord, turn: str = "t1") -> LetterAnswer:
    return world.do(letters.Redrive(tenant=TENANT, job=job.id, turn=turn))


def discard(world: World, job: JobRecord, reason: str | None = "of no use") -> LetterAnswer:
    asked = letters.Discard(tenant=TENANT, job=job.id, by="key:ops", reason=reason)
    return world.do(asked)


def listed(world: World, filter_: LetterFilter = ANY) -> list[str]:
    return [job.id for job in pages(world, filter_, limit=50)]


def pages(world: World, filter_: LetterFilter = ANY, *, limit: int) -> list[JobRecord]:
    found: list[JobRecord] = []
    before: Place | None = None
    while True:
        asked = letters.ListDeadLetters(tenant=TENANT, filter=filter_, before=before, limit=limit)
        page = world.do(asked)
        found += page.jobs
        assert len(page.jobs) <= limit
        if page.next is None:
            return found
        before = page.next


def counted(world: World, filter_: LetterFilter = ANY) -> int:
    answer = world.do(letters.CountDeadLetters(tenant=TENANT, filter=filter_, before=None))
    assert answer.next is None
    return answer.count


def reasons(world: World) -> dict[DeadLetterReason, int]:
    found = world.do(letters.SurveyDeadLetters(tenant=TENANT)).reasons
    return {reason: count for reason, count in found.items() if count}


def test_a_redrive_begins_a_new_life_in_which_numbers_go_on_and_budgets_begin_anew(
    world: World,
) -> None:
    job = dead(world, max_attempts=1)
    world.now += 1_000

    answer = redrive(world, job)

    assert answer.verdict is LetterVerdict.DONE
    assert answer.job
    assert answer.publish == RunJob.of(answer.job)
    kept = say.read(world, job.id)
    assert kept == answer.job
    assert (kept.state, kept.redrives, kept.dispatch) == (State.QUEUED, 1, job.dispatch + 1)
    assert (kept.spent, kept.crashes, kept.losses) == (0, 0, 0)
    assert (kept.dead_letter, kept.error, kept.public_error, kept.finished_at) == (None,) * 4
    assert (kept.step, kept.revision) == (job.step + 1, job.revision + 1)
    assert len(kept.attempts) == 1
    assert world.index("outbox") == {job.id: world.now + 5_000}
    assert listed(world) == []
    claimed = say.claim(world, answer.publish)
    assert claimed.verdict is ClaimVerdict.RUN
    assert claimed.job
    assert claimed.job.attempt == 2


def test_a_redrive_is_a_step_that_watchers_see(world: World) -> None:
    job = dead(world)
    redrive(world, job)

    position = world.do(ops.Locate(tenant=TENANT, job=job.id, after_step=job.step))

    assert position
    assert [step.state for step in position.steps] == [State.QUEUED]
    assert position.error is None


def test_the_same_redrive_again_changes_nothing(world: World) -> None:
    job = dead(world)
    first = redrive(world, job)

    assert redrive(world, job) == first
    assert redrive(world, job, "t2") == first, "unconfirmed: whoever asks may publish it"
    world.do(ops.Confirm(tenant=TENANT, job=job.id, dispatch=2))
    again = redrive(world, job)
    assert (again.verdict, again.publish) == (LetterVerdict.DONE, None)
    assert redrive(world, job, "t2").verdict is LetterVerdict.NOTHING
    assert say.read(world, job.id).redrives == 1


def test_only_a_dead_letter_can_be_redriven(world: World) -> None:
    job, right = say.running(world)

    assert redrive(world, job).verdict is LetterVerdict.NOTHING
    world.do(say.succeed_of(job, right))
    assert redrive(world, job).verdict is LetterVerdict.NOTHING
    nobody = letters.Redrive(tenant=TENANT, job=say.job_id(world.now), turn="t1")
    assert world.do(nobody) == LetterAnswer(verdict=LetterVerdict.NOT_FOUND)


def test_a_redrive_forgets_a_cancel_that_came_too_late(world: World) -> None:
    job, right = say.running(world)
    world.do(say.cancel_of(job.id))
    world.do(say.fail_of(job, right))

    publish = redrive(world, job).publish

    assert publish
    assert say.claim(world, publish).verdict is ClaimVerdict.RUN


def test_a_redrive_does_not_wait_for_a_run_at_ahead(world: World) -> None:
    job = say.submit(world, delay=60_000)
    world.do(ops.Park(tenant=TENANT, message=RunJob.of(job), fault=say.FAULT))

    publish = redrive(world, job).publish

    assert publish
    assert say.claim(world, publish).verdict is ClaimVerdict.RUN


def test_a_late_filing_never_fails_a_redriven_job(world: World) -> None:
    job = dead(world)
    old = RunJob.of(job)
    answer = redrive(world, job)
    filed = ops.Archive(tenant=TENANT, message=old, delivery_limit=False)

    publishing = Archived(verdict=ArchiveVerdict.PUBLISH, message=answer.publish)
    assert world.do(filed) == publishing, "its successor is not confirmed"
    assert say.claim(world, old).verdict is ClaimVerdict.STALE
    world.do(ops.Confirm(tenant=TENANT, job=job.id, dispatch=2))
    assert world.do(filed) == Archived(verdict=ArchiveVerdict.ACK)
    parked = ops.Park(tenant=TENANT, message=old, fault=say.FAULT)
    assert world.do(parked) == "refused"
    assert say.read(world, job.id).state is State.QUEUED


def test_a_late_settle_of_the_former_life_is_answered_and_changes_nothing(world: World) -> None:
    job, right = say.running(world)
    failed = world.do(say.fail_of(job, right))
    redrive(world, job)

    assert world.do(say.fail_of(job, right)) == failed
    assert world.do(say.succeed_of(job, say.token())).verdict is SettleVerdict.LOST
    assert say.read(world, job.id).state is State.QUEUED


def test_a_redriven_job_can_become_a_dead_letter_again(world: World) -> None:
    job = dead(world, max_attempts=1)
    publish = redrive(world, job).publish
    assert publish
    right = say.token()
    say.claim(world, publish, token=right)

    world.do(say.fail_of(job, right))

    assert listed(world) == [job.id]
    assert redrive(world, job, "t2").verdict is LetterVerdict.DONE
    assert say.read(world, job.id).redrives == 2


def test_the_sweeper_publishes_a_redrive_that_nobody_confirmed(world: World) -> None:
    job = dead(world)
    publish = redrive(world, job).publish
    world.now += 5_000

    assert world.do(say.SWEEP).publish == ((publish, 0),)


def test_a_discarded_job_stays_failed_for_good_and_says_who_and_why(world: World) -> None:
    job = dead(world)
    world.now += 1_000

    answer = discard(world, job)

    assert answer.verdict is LetterVerdict.DONE
    kept = say.read(world, job.id)
    assert answer.job == kept
    assert (kept.state, kept.dead_letter, kept.error) == (State.FAILED, None, job.error)
    assert kept.discarded == Discarded(at=world.now, by="key:ops", reason="of no use")
    assert (kept.revision, kept.step) == (job.revision + 1, job.step)
    assert listed(world) == []
    assert discard(world, job, "again") == answer
    assert redrive(world, job).verdict is LetterVerdict.NOTHING


def test_no_message_revives_a_discarded_job(world: World) -> None:
    job = dead(world)
    before = world.snapshot()
    publish = redrive(world, job).publish
    assert publish
    world.restore(before)
    discard(world, job)
    world.now += say.LEASE

    assert say.claim(world, publish).verdict is ClaimVerdict.FINAL
    assert say.read(world, job.id).state is State.FAILED


def test_only_a_dead_letter_can_be_discarded(world: World) -> None:
    job = say.submit(world)

    assert discard(world, job).verdict is LetterVerdict.NOTHING
    nobody = letters.Discard(tenant=TENANT, job=say.job_id(world.now), by="b", reason=None)
    assert world.do(nobody).verdict is LetterVerdict.NOT_FOUND


def test_every_way_to_give_up_makes_a_dead_letter(world: World) -> None:
    failed = dead(world)
    parked = say.submit(world)
    world.do(ops.Park(tenant=TENANT, message=RunJob.of(parked), fault=say.FAULT))
    exhausted, right = say.running(world, max_attempts=1)
    publish = world.do(say.retry_of(exhausted, right, delay=0)).publish
    assert publish
    say.claim(world, publish)
    gone = say.submit(world, max_attempts=0)
    world.do(ops.Archive(tenant=TENANT, message=RunJob.of(gone), delivery_limit=True))

    assert set(listed(world)) == {failed.id, parked.id, exhausted.id, gone.id}
    assert reasons(world) == {
        DeadLetterReason.NOT_RETRYABLE: 1,
        DeadLetterReason.UNKNOWN_TYPE: 1,
        DeadLetterReason.ATTEMPTS_EXHAUSTED: 1,
        DeadLetterReason.DELIVERY_LIMIT: 1,
    }
    redrive(world, failed)
    discard(world, parked)
    assert set(listed(world)) == {exhausted.id, gone.id}
    assert reasons(world) == {
        DeadLetterReason.ATTEMPTS_EXHAUSTED: 1,
        DeadLetterReason.DELIVERY_LIMIT: 1,
    }


def test_letters_come_newest_first_page_by_page(world: World) -> None:
    made = []
    for number in range(7):
        world.now += number % 2  # some die in the same ms
        made.append(dead(world))

    found = pages(world, limit=3)

    ordered = sorted(made, key=lambda job: (job.finished_at, job.id), reverse=True)
    assert found == ordered
    assert counted(world) == 7


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        (LetterFilter(), ["a", "b", "c"]),
        (LetterFilter(type="mail"), ["a"]),
        (LetterFilter(reason=DeadLetterReason.NOT_RETRYABLE), ["a", "b"]),
        (LetterFilter(error_code="boom"), ["a"]),
        (LetterFilter(older_than=10_000), ["a", "b"]),
        (LetterFilter(older_than=20_001), []),
        (LetterFilter(newer_than=10_000), ["b", "c"]),
        (LetterFilter(type="csv.profile", newer_than=9_999), ["c"]),
        (LetterFilter(type="nobody"), []),
    ],
)
def test_a_filter_keeps_what_matches_all_of_it(
    world: World, wanted: LetterFilter, expected: list[str]
) -> None:
    names = {dead(world, code="boom", type="mail").id: "a"}
    world.now += 10_000
    names[dead(world).id] = "b"
    world.now += 10_000
    last = say.submit(world)
    world.do(ops.Park(tenant=TENANT, message=RunJob.of(last), fault=say.FAULT))
    names[last.id] = "c"

    assert sorted(names[job] for job in listed(world, wanted)) == expected
    assert counted(world, wanted) == len(expected)
