"""Lists of jobs by filter, page by page, against one who looks at every record."""

from collections.abc import Callable

import hypothesis.strategies as st
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis.strategies import DrawFn

from shared.contracts import operations as ops
from shared.contracts.batches import SubmitMany
from shared.contracts.job import JobRecord
from shared.contracts.lifecycle import State
from shared.contracts.listing import JobFilter, JobPlace
from shared.contracts.retention import DeleteEnded
from tests.contract import store_words as say
from tests.contract.store_worlds import TENANT, FakeWorld, RedisWorld, World
from tests.fakes.store_gateway import listed

TYPES, QUEUES = ("csv.profile", "mail.send", "rare"), ("default", "bulk")
LABELS = ("team=a", "tier=b", "ünit=\"=,'", "n=1")
STATES = tuple(State)
FAR_OFF = (-62_135_596_800_000, 0, 253_402_300_799_999)  # the years 1, 1970 and 9999
ENDS: dict[int, Callable[[JobRecord, str], ops.Settle]] = {
    4: say.succeed_of,
    5: say.succeed_of,
    6: say.fail_of,
    7: say.retry_of,
}
JOBS = 3_000
MADE_EVERY = 7  # ms; so that many are made in one


def page_of(wanted: JobFilter, limit: int, before: JobPlace | None) -> ops.ListJobs:
    return ops.ListJobs(tenant=TENANT, before=before, limit=limit, filter=wanted)


def pages(world: World, wanted: JobFilter, limit: int) -> list[JobRecord]:
    found: list[JobRecord] = []
    before = None
    while True:
        page = world.do(page_of(wanted, limit, before))
        assert len(page.jobs) <= limit
        found += page.jobs
        if page.next is None:
            return found
        before = page.next


def labels_of(names: tuple[str, ...]) -> dict[str, str]:
    return dict(name.split("=", 1) for name in names)


@st.composite
def filters(draw: DrawFn, first: int = 0, last: int = JOBS * MADE_EVERY // 10) -> JobFilter:
    moments = st.none() | st.integers(first - 2, last + 2) | st.sampled_from(FAR_OFF)
    return JobFilter(
        state=draw(st.none() | st.sampled_from(STATES)),
        type=draw(st.none() | st.sampled_from((*TYPES, "no.such"))),
        queue=draw(st.none() | st.sampled_from(QUEUES)),
        labels=labels_of(draw(st.sampled_from(((), (LABELS[0],), LABELS[2:], ("n=2",))))),
        created_since=draw(moments),
        created_before=draw(moments),
    )


def populate(world: World, number: int) -> None:
    """Make many jobs of all kinds in batches, several in one ms, and move some on."""
    for start in range(0, number, 100):
        batch = []
        for one in range(start, start + 100):
            scheduled = one % 11 == 0
            batch.append(
                say.submit_of(
                    world,
                    job=say.job_id(world.now, (one * 7919) % number),
                    type="rare" if one % 500 == 3 else TYPES[one % 2],
                    queue=QUEUES[one % 3 == 0],
                    labels=labels_of(tuple(LABELS[i] for i in range(4) if one >> i & 1)),
                    payload="{}",
                    delay=60_000_000 if scheduled else None,
                )
            )
        world.do(SubmitMany(tenant=TENANT, jobs=tuple(batch)))
        for one, asked in enumerate(batch):
            move_on(world, asked, start + one)
        world.now += MADE_EVERY * 10


def move_on(world: World, asked: ops.Submit, number: int) -> None:
    """Leave one of ten as it is, and end or start the others in their ways."""
    way = number % 40
    if way in {1, 2}:
        world.do(say.cancel_of(asked.job))
    if way not in {3, 4, 5, 6, 7, 8}:
        return
    right = say.token()
    job = say.claim(world, say.read(world, asked.job), token=right).job
    if job is None:
        return
    if way in ENDS:
        world.do(ENDS[way](job, right))


@pytest.fixture
def crowd(redis_url: str) -> tuple[RedisWorld, FakeWorld, int]:
    """The same jobs in both stores, and when the first was made."""
    real, fake = RedisWorld(redis_url), FakeWorld()
    born = fake.now
    populate(real, JOBS)
    populate(fake, JOBS)
    return real, fake, born


def test_thousands_are_found_by_any_filter_each_once_newest_first(
    crowd: tuple[RedisWorld, FakeWorld, int],
) -> None:
    real, fake, born = crowd
    everyone = sorted(
        (job.record("x") for job in fake.peek(TENANT).jobs.values()),
        key=lambda job: (job.created_at, job.id),
        reverse=True,
    )
    assert len(everyone) == JOBS

    @settings(
        max_examples=120, deadline=None, suppress_health_check=list(HealthCheck), database=None
    )
    @given(filters(born, born + JOBS * MADE_EVERY // 10), st.sampled_from([1, 7, 50, 200]))
    def check(wanted: JobFilter, limit: int) -> None:
        expected = [job.id for job in everyone if listed(job, wanted)]
        if len(expected) > limit * 40:
            limit = 200
        assert [job.id for job in pages(real, wanted, limit)] == expected

    check()


def test_a_rare_job_is_found_without_a_walk_through_all(
    crowd: tuple[RedisWorld, FakeWorld, int],
) -> None:
    real, _, _ = crowd
    rare = JobFilter(type="rare", labels={"team": "a"})

    page = real.do(page_of(rare, 50, None))

    assert page.next is None, "one page holds them all"
    assert all(job.type == "rare" for job in page.jobs)


def test_each_page_looks_at_a_bounded_number(crowd: tuple[RedisWorld, FakeWorld, int]) -> None:
    real, _, _ = crowd
    apart = JobFilter(type="csv.profile", labels={"team": "a"})  # 1,500 each, and none is both

    first = real.do(page_of(apart, 50, None))
    assert first.jobs == ()
    assert first.next, "it may look no further in one go"
    second = real.do(page_of(apart, 50, first.next))
    assert second.next is None, "the second page goes on where the first has stopped"
    nobody = JobFilter(type="csv.profile", labels={"team": "no such"})
    assert real.do(page_of(nobody, 50, None)).next is None, "an empty index ends it at once"


def test_no_job_is_skipped_or_repeated_while_others_come_and_move_and_go(world: World) -> None:
    jobs = []
    for number in range(60):
        world.now += number % 3  # three in each ms or so
        jobs.append(say.submit(world, retention=1, labels={"n": str(number % 2)}).id)
    wanted = JobFilter(labels={"n": "1"})
    stay = set(jobs[1::4])
    seen: list[str] = []
    before = None
    for turn in range(100):
        page = world.do(page_of(wanted, 2, before))
        seen += [job.id for job in page.jobs]
        if page.next is None:
            break
        before = page.next
        world.now += 1
        say.submit(world, labels={"n": "1"})
        goes = jobs[(turn * 7 + 3) % 60]
        if goes not in stay:
            world.do(say.cancel_of(goes))
            world.now += 1
            world.do(DeleteEnded(tenant=TENANT, limit=10))

    assert len(seen) == len(set(seen)), "repeated"
    assert stay <= set(seen), "skipped"
    assert set(seen) <= set(jobs), "a page is older than the one before"


def test_a_cursor_whose_job_is_gone_leads_on(world: World) -> None:
    jobs = [say.submit(world, retention=1).id for _ in range(6)]  # in one ms
    newest_first = sorted(jobs, reverse=True)
    first = world.do(page_of(JobFilter(), 3, None))
    world.do(say.cancel_of(newest_first[2]))
    world.now += 1
    world.do(DeleteEnded(tenant=TENANT, limit=10))

    second = world.do(page_of(JobFilter(), 3, first.next))

    assert [job.id for job in first.jobs] == newest_first[:3]
    assert [job.id for job in second.jobs] == newest_first[3:]


@pytest.mark.parametrize("state", [State.QUEUED, State.RUNNING, State.RETRYING, State.SUCCEEDED])
def test_a_job_is_listed_by_the_state_it_is_in(world: World, state: State) -> None:
    job, right = say.running(world)
    found = {State.RUNNING}
    if state is State.RETRYING:
        world.do(say.retry_of(job, right))
        found = {state}
    elif state is State.QUEUED:
        world.do(say.release_of(job, right))
        found = {state}
    elif state is State.SUCCEEDED:
        world.do(say.succeed_of(job, right))
        found = {state}

    assert {one for one in STATES if pages(world, JobFilter(state=one), 10)} == found
