"""Campaigns over dead letters, on the fake and on Redis."""

from typing import Any

from shared.contracts import dead_letters as letters
from shared.contracts import operations as ops
from shared.contracts.dead_letters import Action, Advanced, Campaign, CampaignState, LetterFilter
from shared.contracts.job import Discarded
from shared.contracts.lifecycle import State
from tests.contract import store_words as say
from tests.contract.store_worlds import TENANT, World
from tests.contract.test_job_store_dead_letters import dead, listed, redrive

FIRST, SECOND = "01938c5e-0000-7000-8000-00000000000a", "01938c5e-0000-7000-8000-00000000000b"


def start(world: World, campaign: str = FIRST, **changes: Any) -> Campaign | None:
    facts: dict[str, Any] = {
        "campaign": campaign,
        "action": Action.REDRIVE,
        "rate": 10.0,
        "by": "key:ops",
    }
    return world.do(letters.StartCampaign(tenant=TENANT, **{**facts, **changes}))


def turn(world: World, campaign: str = FIRST, *, name: str | None = None, most: int = 100) -> Any:
    asked = letters.AdvanceCampaign(
        tenant=TENANT, campaign=campaign, turn=name or say.token(), most=most
    )
    return world.do(asked)


def look(world: World, campaign: str = FIRST) -> Campaign:
    found = world.do(letters.ReadCampaign(tenant=TENANT, campaign=campaign))
    assert found
    return found


def counts(campaign: Campaign | None) -> tuple[int, int, int, int]:
    assert campaign
    return (campaign.matched, campaign.done, campaign.failed, campaign.skipped)


def work_off(world: World, campaign: str = FIRST) -> Campaign:
    for _ in range(200):
        answer = turn(world, campaign)
        assert answer.campaign
        if answer.campaign.state is not CampaignState.RUNNING:
            return look(world, campaign)
        world.now += 100
    raise AssertionError("it does not end")


def test_a_campaign_is_on_record_as_it_was_asked_for(world: World) -> None:
    wanted = LetterFilter(type="mail", error_code="boom", older_than=1_000, newer_than=9_000)

    started = start(world, filter=wanted, matched=4, limit=3, reason="fixed", rate=0.5)

    assert started == Campaign(
        id=FIRST,
        action=Action.REDRIVE,
        state=CampaignState.RUNNING,
        filter=wanted,
        by_ids=False,
        rate=0.5,
        limit=3,
        by="key:ops",
        reason="fixed",
        created_at=world.now,
        finished_at=None,
        matched=4,
        done=0,
        failed=0,
        skipped=0,
    )
    assert look(world) == started
    assert start(world, filter=wanted, matched=9) == started, "a repeat changes nothing"
    assert world.do(letters.SurveyDeadLetters(tenant=TENANT)).running == (FIRST,)


def test_it_takes_what_the_rate_allows_and_no_more(world: World) -> None:
    jobs = [dead(world) for _ in range(40)]
    start(world, matched=40)

    assert turn(world).publish == ()
    world.now += 250
    first = turn(world)
    assert [message.job for message in first.publish] == sorted(job.id for job in jobs)[:2]
    assert first.wait == 50, "the third one's time is 300 ms after the start"
    assert turn(world).publish == ()
    world.now += 60_000
    assert len(turn(world).publish) == 10, "at most one second's worth at once"
    world.now += 100
    assert len(turn(world).publish) == 1
    assert counts(look(world)) == (40, 13, 0, 0)


def test_a_slow_campaign_takes_one_at_a_time(world: World) -> None:
    for _ in range(3):
        dead(world)
    start(world, rate=0.1, matched=3)
    world.now += 9_999
    answer = turn(world)
    assert (answer.publish, answer.wait) == ((), 1)
    world.now += 1
    assert len(turn(world).publish) == 1


def test_a_turn_that_is_repeated_gives_the_same_messages_and_takes_no_more(world: World) -> None:
    for _ in range(5):
        dead(world)
    start(world, matched=5)
    world.now += 300
    first: Advanced = turn(world, name="t1")
    assert len(first.publish) == 3

    assert turn(world, name="t1") == first
    done = first.publish[0]
    world.do(ops.Confirm(tenant=TENANT, job=done.job, dispatch=done.options.dispatch))
    assert turn(world, name="t1").publish == first.publish[1:]


def test_it_ends_with_every_letter_of_its_start_done_once(world: World) -> None:
    jobs = [dead(world) for _ in range(25)]
    start(world, matched=25)

    ended = work_off(world)

    assert counts(ended) == (25, 25, 0, 0)
    assert (ended.state, ended.finished_at) == (CampaignState.FINISHED, world.now)
    assert {say.read(world, job.id).redrives for job in jobs} == {1}
    assert set(world.index("outbox")) == {job.id for job in jobs}
    assert world.do(letters.SurveyDeadLetters(tenant=TENANT)).running == ()


def test_what_dies_after_its_start_is_left_alone(world: World) -> None:
    job = dead(world, max_attempts=1)
    start(world, matched=1, rate=1000.0)
    world.now += 1
    (publish,) = turn(world).publish
    right = say.token()
    say.claim(world, publish, token=right)
    world.do(say.fail_of(job, right))
    late = dead(world)
    world.now += 5_000

    assert counts(work_off(world)) == (1, 1, 0, 0)
    assert set(listed(world)) == {job.id, late.id}


def test_two_campaigns_over_the_same_letters_do_each_once(world: World) -> None:
    jobs = [dead(world) for _ in range(20)]
    start(world, matched=20)
    start(world, SECOND, matched=20)
    for _ in range(40):
        world.now += 100
        turn(world)
        turn(world, SECOND)

    first, second = look(world), look(world, SECOND)
    assert {first.state, second.state} == {CampaignState.FINISHED}
    assert first.done + second.done == 20
    assert (first.done + first.skipped, second.done + second.skipped) == (20, 20)
    assert {say.read(world, job.id).redrives for job in jobs} == {1}


def test_a_filter_and_a_limit_bound_it(world: World) -> None:
    mail = [dead(world, type="mail") for _ in range(3)]
    dead(world)
    start(world, filter=LetterFilter(type="mail"), matched=3, limit=2)

    assert counts(work_off(world)) == (3, 2, 0, 0)
    left = {say.read(world, job.id).state for job in mail}
    assert left == {State.QUEUED, State.FAILED}


def test_ages_count_from_its_start(world: World) -> None:
    old = dead(world)
    world.now += 10_000
    dead(world)
    start(world, filter=LetterFilter(older_than=5_000), matched=1)
    world.now += 60_000

    assert counts(work_off(world)) == (1, 1, 0, 0)
    assert say.read(world, old.id).state is State.QUEUED


def test_by_ids_it_says_what_was_none(world: World) -> None:
    letter, redriven, alive = dead(world), dead(world), say.submit(world)
    other = dead(world)
    redrive(world, redriven)
    ids = (letter.id, redriven.id, alive.id, say.job_id(world.now))
    start(world, ids=ids)

    ended = work_off(world)

    assert (ended.by_ids, counts(ended)) == (True, (4, 1, 1, 2))
    assert listed(world) == [other.id]


def test_a_discarding_campaign_publishes_nothing_and_says_who_and_why(world: World) -> None:
    job = dead(world)
    start(world, action=Action.DISCARD, matched=1, reason="of no use")
    world.now += 100

    answer = turn(world)

    assert answer.publish == ()
    kept = say.read(world, job.id)
    assert kept.discarded == Discarded(at=world.now, by="key:ops", reason="of no use")
    assert counts(work_off(world)) == (1, 1, 0, 0)


def test_an_aborted_campaign_stops_where_it_stands(world: World) -> None:
    for _ in range(5):
        dead(world)
    start(world, matched=5)
    world.now += 200
    turn(world)

    asked = letters.AbortCampaign(tenant=TENANT, campaign=FIRST)
    aborted = world.do(asked)

    assert aborted
    assert (aborted.state, aborted.done) == (CampaignState.ABORTED, 2)
    world.now += 1_000
    assert turn(world) == Advanced(campaign=aborted)
    assert world.do(asked) == aborted
    assert len(listed(world)) == 3


def test_a_finished_campaign_is_not_aborted_any_more(world: World) -> None:
    start(world)
    ended = work_off(world)

    assert world.do(letters.AbortCampaign(tenant=TENANT, campaign=FIRST)) == ended


def test_an_unknown_campaign_is_none(world: World) -> None:
    assert world.do(letters.ReadCampaign(tenant=TENANT, campaign=FIRST)) is None
    assert world.do(letters.AbortCampaign(tenant=TENANT, campaign=FIRST)) is None
    assert turn(world) == Advanced(campaign=None)


def test_campaigns_come_newest_first_page_by_page(world: World) -> None:
    names = [f"01938c5e-0000-7000-8000-0000000000{number:02d}" for number in range(5)]
    for name in names:
        start(world, name)

    first = world.do(letters.ListCampaigns(tenant=TENANT, before=None, limit=3))
    second = world.do(letters.ListCampaigns(tenant=TENANT, before=first.next, limit=3))

    assert [one.id for one in (*first.campaigns, *second.campaigns)] == names[::-1]
    assert second.next is None


def test_only_so_many_run_at_once(world: World) -> None:
    for number in range(16):
        assert start(world, f"01938c5e-0000-7000-8000-0000000000{number:02d}")

    assert start(world) is None
    work_off(world, "01938c5e-0000-7000-8000-000000000000")
    assert start(world)
