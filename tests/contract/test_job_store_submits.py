"""Submit, Confirm, Cancel, Read and ListJobs, on the fake and on Redis."""

import json

import pytest

from shared.contracts import operations as ops
from shared.contracts.answers import CancelVerdict, Submitted, SubmitVerdict
from shared.contracts.commands import RunJob
from shared.contracts.idempotency import Recall, Unmark
from shared.contracts.lifecycle import State
from tests.contract import store_words as say
from tests.contract.store_worlds import TENANT, World

KEY = ops.IdempotencyKey(hash="aa", fingerprint="11")


def confirm(world: World, job: str, dispatch: int = 1) -> bool:
    return world.do(ops.Confirm(tenant=TENANT, job=job, dispatch=dispatch))


def test_a_submitted_job_is_queued_with_its_first_step_and_its_message_owed(world: World) -> None:
    asked = say.submit_of(world, expires_at=world.now + 60_000)

    answer = world.do(asked)

    assert answer.verdict is SubmitVerdict.ACCEPTED
    job = answer.job
    assert job == say.read(world, asked.job)
    assert (job.state, job.step, job.revision, job.dispatch) == (State.QUEUED, 1, 1, 1)
    assert (job.attempt, job.spent, job.attempts) == (0, 0, ())
    assert (job.payload, job.labels) == (asked.payload, {"team": "ünits"})
    assert (job.created_at, job.run_at, job.expires_at) == (world.now, None, world.now + 60_000)
    assert world.index("outbox") == {job.id: world.now + 5_000}


def test_each_step_and_the_place_say_which_trace_the_job_belongs_to(world: World) -> None:
    asked = say.submit_of(world)
    world.do(asked)
    world.do(ops.Cancel(tenant=TENANT, job=asked.job, reason=None))

    job = say.read(world, asked.job)
    assert (job.traceparent, job.tracestate) == (asked.traceparent, asked.tracestate)
    place = world.do(ops.Locate(tenant=TENANT, job=asked.job))
    assert place is not None
    assert place.traceparent == asked.traceparent
    told = [json.loads(step.frame)["traceparent"] for step in place.steps]
    assert told == [asked.traceparent] * 2


def test_a_job_without_a_trace_has_frames_without_one(world: World) -> None:
    asked = say.submit_of(world, traceparent=None, tracestate=None)
    world.do(asked)

    place = world.do(ops.Locate(tenant=TENANT, job=asked.job))
    assert place is not None
    assert (place.traceparent, "traceparent" in place.steps[0].frame) == (None, False)


def test_a_delayed_job_is_scheduled_by_the_clock_of_the_store(world: World) -> None:
    job = say.submit_unconfirmed(world, delay=90_000)

    assert (job.state, job.run_at) == (State.SCHEDULED, world.now + 90_000)
    assert world.index("due") == {job.id: world.now + 90_000}


def test_a_run_at_that_has_passed_is_no_delay(world: World) -> None:
    job = say.submit_unconfirmed(world, run_at=world.now - 1)

    assert (job.state, job.run_at) == (State.QUEUED, world.now - 1)
    assert world.index("due") == {}


def test_the_same_submit_again_changes_nothing_and_gets_the_first_answer(world: World) -> None:
    asked = say.submit_of(world, key=KEY)
    first = world.do(asked)
    world.now += 1

    assert world.do(asked) == first
    assert world.index("outbox") == {asked.job: world.now - 1 + 5_000}


def test_a_second_request_under_a_key_waits_while_the_first_is_under_way(world: World) -> None:
    world.do(say.submit_of(world, key=KEY))
    world.now += 9_999

    answer = world.do(say.submit_of(world, key=KEY))

    assert (answer.verdict, answer.job) == (SubmitVerdict.IN_FLIGHT, None)


def test_a_key_whose_job_was_never_confirmed_publishes_that_job_again(world: World) -> None:
    first = say.submit_unconfirmed(world, key=KEY)
    world.now += 10_000
    second = say.submit_of(world, key=KEY)

    answer = world.do(second)

    assert (answer.verdict, answer.job) == (SubmitVerdict.REPUBLISH, first)
    assert world.do(second) == answer, "a repeat gets the first answer"
    third = world.do(say.submit_of(world, key=KEY))
    assert third.verdict is SubmitVerdict.IN_FLIGHT, "the second request renewed the marker"
    assert world.do(ops.Read(tenant=TENANT, job=second.job)) is None


def test_a_key_whose_job_is_safe_replays_it_as_it_is(world: World) -> None:
    first = say.submit(world, key=KEY)
    say.claim(world, first)

    answer = world.do(say.submit_of(world, key=KEY))

    assert answer.verdict is SubmitVerdict.REPLAYED
    assert answer.job
    assert (answer.job.id, answer.job.state) == (first.id, State.RUNNING)


def test_a_key_whose_job_waits_for_its_second_attempt_replays_it(world: World) -> None:
    job, right = say.running(world, key=KEY)
    world.do(say.retry_of(job, right))

    answer = world.do(say.submit_of(world, key=KEY))

    assert answer.verdict is SubmitVerdict.REPLAYED, "only a first message can be unconfirmed"


def recall(world: World, fingerprint: str = "11") -> Submitted | None:
    key = ops.IdempotencyKey(hash="aa", fingerprint=fingerprint)
    return world.do(Recall(tenant=TENANT, job=say.submit_of(world).job, key=key))


def test_a_key_that_is_bound_to_nothing_recalls_nothing(world: World) -> None:
    assert recall(world) is None
    assert recall(world) is None, "asking binds nothing"


def test_a_recall_finds_the_job_of_its_key_like_a_second_submit(world: World) -> None:
    first = world.do(say.submit_of(world, key=KEY)).job
    assert first is not None
    under_way = recall(world)
    confirm(world, first.id)
    replayed = recall(world)
    other_body = recall(world, fingerprint="22")

    assert under_way is not None
    assert under_way.verdict is SubmitVerdict.IN_FLIGHT
    assert replayed is not None
    assert (replayed.verdict, replayed.job) == (SubmitVerdict.REPLAYED, say.read(world, first.id))
    assert other_body is not None
    assert other_body.verdict is SubmitVerdict.MISMATCH


def test_a_request_that_gave_up_is_not_waited_for(world: World) -> None:
    asked = say.submit_of(world, key=KEY)
    world.do(asked)
    stranger = world.do(Unmark(tenant=TENANT, job=say.submit_of(world).job, key=KEY))
    still_marked = world.do(say.submit_of(world, key=KEY))
    mine = world.do(Unmark(tenant=TENANT, job=asked.job, key=KEY))

    again = world.do(say.submit_of(world, key=KEY))

    assert (stranger, mine) == (False, True)
    assert still_marked.verdict is SubmitVerdict.IN_FLIGHT
    assert again.verdict is SubmitVerdict.REPUBLISH
    assert again.job is not None
    assert again.job.id == asked.job


def test_a_key_refuses_another_body(world: World) -> None:
    say.submit(world, key=KEY)
    other = ops.IdempotencyKey(hash=KEY.hash, fingerprint="22")

    answer = world.do(say.submit_of(world, key=other))

    assert (answer.verdict, answer.job) == (SubmitVerdict.MISMATCH, None)


def test_a_confirm_clears_the_outbox_once(world: World) -> None:
    job = say.submit_unconfirmed(world)

    assert confirm(world, job.id) is True
    assert confirm(world, job.id) is False
    assert world.index("outbox") == {}


def test_a_late_confirm_of_an_older_dispatch_clears_nothing(world: World) -> None:
    job, right = say.running(world)
    world.do(say.retry_of(job, right))

    assert confirm(world, job.id, dispatch=1) is False
    assert list(world.index("outbox")) == [job.id]
    assert confirm(world, "no-such-job") is False


@pytest.mark.parametrize("delay", [None, 60_000])
def test_a_waiting_job_is_cancelled_at_once(world: World, delay: int | None) -> None:
    job = say.submit_unconfirmed(world, delay=delay)

    answer = world.do(say.cancel_of(job.id))

    assert (answer.verdict, answer.ended) == (CancelVerdict.CANCELLED, True)
    assert answer.job
    assert (answer.job.state, answer.job.finished_at) == (State.CANCELLED, world.now)
    assert world.index("outbox") == world.index("due") == {}


def test_a_retrying_job_is_cancelled_at_once(world: World) -> None:
    job, right = say.running(world)
    world.do(say.retry_of(job, right))

    assert world.do(say.cancel_of(job.id)).verdict is CancelVerdict.CANCELLED
    assert world.index("outbox") == world.index("due") == {}


def test_a_cancel_again_is_cancelled_again(world: World) -> None:
    job = say.submit(world)
    world.do(say.cancel_of(job.id))
    before = say.read(world, job.id)
    world.now += 1_000

    answer = world.do(say.cancel_of(job.id))

    assert (answer.verdict, answer.job) == (CancelVerdict.CANCELLED, before)
    assert not answer.ended


def test_a_running_job_is_asked_to_stop_and_the_first_request_counts(world: World) -> None:
    job, right = say.running(world)
    asked_at = world.now

    first = world.do(say.cancel_of(job.id, grace=10_000))
    world.now += 4_000
    second = world.do(say.cancel_of(job.id, grace=1))

    assert first.verdict is second.verdict is CancelVerdict.REQUESTED
    assert first.job
    assert first.job == second.job
    assert (first.job.state, first.job.cancel_requested_at) == (State.RUNNING, asked_at)
    assert first.job.revision == job.revision + 1, "an ETag must change"
    renewal = world.do(say.heartbeat_of(job, right))
    assert (renewal.cancel_requested_at, renewal.cancel_in) == (asked_at, 6_000)


def test_a_job_that_has_ended_otherwise_cannot_be_cancelled(world: World) -> None:
    job, right = say.running(world)
    world.do(say.succeed_of(job, right))

    answer = world.do(say.cancel_of(job.id))

    assert answer.verdict is CancelVerdict.ALREADY_FINAL
    assert answer.job == say.read(world, job.id)
    assert answer.job.state is State.SUCCEEDED


def test_an_unknown_job_of_a_store_that_forgot_nothing_is_not_found(world: World) -> None:
    say.submit(world)

    answer = world.do(say.cancel_of(say.job_id(world.now + 1)))

    assert (answer.verdict, answer.job) == (CancelVerdict.NOT_FOUND, None)


def test_a_withdrawal_takes_an_unconfirmed_job_and_leaves_a_confirmed_one(world: World) -> None:
    unconfirmed, confirmed = say.submit_unconfirmed(world), say.submit(world)
    scheduled = say.submit(world, delay=1_000)

    def withdraw(job: str) -> CancelVerdict:
        return world.do(say.cancel_of(job, only_unconfirmed=True)).verdict

    assert withdraw(unconfirmed.id) is CancelVerdict.CANCELLED
    assert withdraw(confirmed.id) is withdraw(scheduled.id) is CancelVerdict.KEPT
    assert say.read(world, confirmed.id).state is State.QUEUED


def test_a_job_that_nobody_submitted_is_not_there(world: World) -> None:
    assert world.do(ops.Read(tenant=TENANT, job=say.job_id(world.now))) is None
    assert world.do(ops.Locate(tenant=TENANT, job=say.job_id(world.now))) is None


def test_jobs_are_listed_newest_first_page_by_page(world: World) -> None:
    submitted = []
    for _ in range(5):
        world.now += 10
        submitted.append(say.submit(world).id)
    newest_first = submitted[::-1]

    pages, before = [], None
    while True:
        page = world.do(ops.ListJobs(tenant=TENANT, before=before, limit=2))
        pages.append([job.id for job in page.jobs])
        before = page.next
        if before is None:
            break

    assert pages == [newest_first[:2], newest_first[2:4], newest_first[4:]]


def test_a_page_that_ends_with_the_oldest_job_has_no_next(world: World) -> None:
    say.submit(world)
    say.submit(world)

    assert world.do(ops.ListJobs(tenant=TENANT, before=None, limit=2)).next is None


def test_tenants_do_not_see_each_other_s_jobs(world: World) -> None:
    job = say.submit(world)

    assert world.do(ops.Read(tenant="other", job=job.id)) is None
    assert world.do(ops.ListJobs(tenant="other", before=None, limit=9)).jobs == ()
    message = RunJob.of(job)
    assert (
        world.do(
            ops.Claim(tenant="other", message=message, token="0" * 32, worker="w", lease=say.LEASE)
        ).job
        is None
    )
