"""What a tenant's feed must tell, as scenarios for any store."""

import json
from collections.abc import Callable

from shared.contracts import operations as ops
from shared.contracts.batches import SubmitMany
from shared.contracts.feed import FeedPage, Loss, ReadFeed
from shared.contracts.listing import FeedPlace
from shared.contracts.retention import DeleteEnded
from tests.contract import store_words as say
from tests.contract.store_worlds import TENANT, World

Scenario = Callable[[World], None]
NOTHING_SEEN = FeedPlace("", 0)
SHORT = 150


def read(world: World, after: FeedPlace | None, limit: int = 200) -> FeedPage:
    return world.do(ReadFeed(tenant=TENANT, after=after, limit=limit))


def here(world: World) -> FeedPlace:
    return read(world, None).here


def told(page: FeedPage) -> list[tuple[int, str, int]]:
    assert page.loss is None
    return [(one.seq, one.job, one.step.step) for one in page.steps]


def submit_many(world: World, count: int) -> list[str]:
    jobs = tuple(say.submit_of(world) for _ in range(count))
    world.do(SubmitMany(tenant=TENANT, jobs=jobs))
    return [one.job for one in jobs]


def what_was_missed_is_told_in_its_order(world: World) -> None:
    say.submit(world)
    place = here(world)
    first, right = say.running(world)
    world.do(say.progress_of(first, right))
    second = say.submit(world)
    world.do(say.succeed_of(first, right, result='{"rows":3}'))

    page = read(world, place)

    assert told(page) == [(2, first.id, 1), (3, first.id, 2), (5, second.id, 1), (6, first.id, 3)]
    assert page.here == FeedPlace(place.epoch, 6)
    assert [one.result for one in page.steps] == [None, None, None, '{"rows":3}']
    frames = [json.loads(one.step.frame) for one in page.steps]
    assert [frame["seq"] for frame in frames] == [2, 3, 5, 6]


def a_result_is_told_with_the_step_that_brought_it(world: World) -> None:
    job, right = say.running(world)
    world.do(say.succeed_of(job, right, result="[1]"))

    assert [one.result for one in read(world, NOTHING_SEEN).steps] == [None, None, "[1]"]


def jobs_of_a_batch_are_told_one_by_one(world: World) -> None:
    before = say.submit(world).id
    jobs = submit_many(world, 5)
    after = say.submit(world).id
    everything = [(number, job, 1) for number, job in enumerate([before, *jobs, after], start=1)]

    for seen in range(8):
        assert told(read(world, FeedPlace(here(world).epoch, seen))) == everything[seen:]


def pages_lead_on(world: World) -> None:
    jobs = [say.submit(world).id, *submit_many(world, 5), say.submit(world).id]
    place, seen, pages = FeedPlace(here(world).epoch, 0), list[str](), 0
    while True:
        page = read(world, place, limit=2)
        assert len(page.steps) <= 2
        seen += [one.job for one in page.steps]
        pages += 1
        if not page.more:
            break
        place = FeedPlace(place.epoch, page.steps[-1].seq)

    assert seen == jobs
    assert pages == 4


def a_page_of_one_leads_on(world: World) -> None:
    say.submit(world)
    place = here(world)
    say.submit(world)
    say.submit(world)

    assert read(world, place, limit=1).more
    assert not read(world, place, limit=2).more


def large_results_end_a_page(world: World) -> None:
    for _ in range(3):
        job, right = say.running(world)
        world.do(say.succeed_of(job, right, result=f'"{"x" * 150_000}"'))

    page = read(world, NOTHING_SEEN)

    assert page.more
    assert [one.step.step for one in page.steps] == [1, 2, 3, 1, 2, 3]


def who_has_seen_all_misses_nothing(world: World) -> None:
    say.submit(world)

    page = read(world, here(world))

    assert (told(page), page.more) == ([], False)


def who_saw_an_empty_tenant_resumes_from_its_first_event(world: World) -> None:
    assert here(world) == NOTHING_SEEN
    job = say.submit(world)

    assert told(read(world, NOTHING_SEEN)) == [(1, job.id, 1)]


def another_epoch_cannot_be_resumed(world: World) -> None:
    say.submit(world)
    place = here(world)
    world.change_epoch()

    assert read(world, place).loss is Loss.EPOCH_CHANGED


def nothing_seen_cannot_be_resumed_over_two_epochs(world: World) -> None:
    say.submit(world)
    world.change_epoch()

    assert read(world, NOTHING_SEEN).loss is Loss.EPOCH_CHANGED
    say.submit(world)
    assert read(world, NOTHING_SEEN).loss is Loss.EPOCH_CHANGED


def who_is_ahead_is_told(world: World) -> None:
    say.submit(world)
    place = here(world)

    assert read(world, FeedPlace(place.epoch, place.seq + 1)).loss is Loss.AHEAD


def a_store_that_was_wiped_is_another_epoch(world: World) -> None:
    say.submit(world)
    place = here(world)
    world.wipe()
    job = say.submit(world)

    assert read(world, place).loss is Loss.EPOCH_CHANGED
    assert told(read(world, NOTHING_SEEN)) == [(1, job.id, 1)]


def a_store_that_went_back_is_another_epoch(world: World) -> None:
    say.submit(world)
    kept = world.snapshot()
    say.submit(world)
    place = here(world)
    world.restore(kept)
    say.submit(world)

    assert read(world, place).loss is Loss.EPOCH_CHANGED


def the_place_of_a_list_is_where_its_feed_stands(world: World) -> None:
    listing = ops.ListJobs(tenant=TENANT, before=None, limit=10)
    assert world.do(listing).as_of == NOTHING_SEEN
    say.submit(world)
    place = world.do(listing).as_of
    job = say.submit(world)

    assert place == FeedPlace(here(world).epoch, 1)
    assert told(read(world, place)) == [(2, job.id, 1)]


def a_job_that_is_deleted_makes_a_hole_and_says_so(world: World) -> None:
    job, right = say.running(world, retention=0)
    kept = say.submit(world)
    place = here(world)
    world.do(say.succeed_of(job, right))
    ended = here(world)
    world.now += 1
    assert world.do(DeleteEnded(tenant=TENANT, limit=10)).jobs == (job.id,)
    world.do(say.cancel_of(kept.id))

    assert read(world, place).loss is Loss.HISTORY_TRIMMED
    assert told(read(world, ended)) == [(ended.seq + 1, kept.id, 2)]


def of_very_many_the_oldest_go(world: World) -> None:
    """Give it a store that keeps SHORT transitions, or some more."""
    say.submit(world)
    place = here(world)
    for _ in range(SHORT):
        job = say.submit_unconfirmed(world)
        world.do(say.cancel_of(job.id))
    stands = here(world)

    assert read(world, place).loss is Loss.HISTORY_TRIMMED
    assert read(world, FeedPlace(stands.epoch, stands.seq - SHORT + 1)).loss is None


SCENARIOS: tuple[Scenario, ...] = (
    what_was_missed_is_told_in_its_order,
    a_result_is_told_with_the_step_that_brought_it,
    jobs_of_a_batch_are_told_one_by_one,
    pages_lead_on,
    a_page_of_one_leads_on,
    large_results_end_a_page,
    who_has_seen_all_misses_nothing,
    who_saw_an_empty_tenant_resumes_from_its_first_event,
    another_epoch_cannot_be_resumed,
    nothing_seen_cannot_be_resumed_over_two_epochs,
    who_is_ahead_is_told,
    a_store_that_was_wiped_is_another_epoch,
    a_store_that_went_back_is_another_epoch,
    the_place_of_a_list_is_where_its_feed_stands,
    a_job_that_is_deleted_makes_a_hole_and_says_so,
)
