"""Who gets what, how often a place is read, and what happens when the store or the feed is away."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import aclosing
from uuid import uuid4

import pytest

from services.gateway.watch import NoSuchJobError, watch
from services.notifier.wire import text_frame
from shared.contracts import operations as ops
from shared.ports import FeedMessage
from shared.stream.merge import Cursor, Track
from shared.stream.switchboard import Switchboard
from tests.fakes.stream import Client, unframed
from tests.unit.shared.stream.boarding import STATES, Follower, House, comes_true, states


@pytest.fixture
async def house() -> AsyncIterator[House]:
    it = House()
    await it.board.start()
    yield it
    await it.board.close()


async def test_a_watcher_gets_a_job_from_its_snapshot_to_its_end(house: House) -> None:
    job = house.submit()
    follower = Follower(house.board, job).watch()
    await comes_true(lambda: follower.client.live)

    house.start(job)
    house.report(job, 1)
    house.succeed(job)

    assert states(follower) == STATES
    assert follower.client.breaches == []


async def test_the_channel_is_confirmed_before_the_place_is_read(house: House) -> None:
    job = house.submit()
    house.feed.cut()
    follower = Follower(house.board, job).watch()
    await comes_true(lambda: house.feed.asked)
    assert house.store.after_steps == []

    await house.feed.mend()

    await comes_true(lambda: follower.client.live)


async def test_what_happens_between_reading_and_answer_is_not_lost(house: House) -> None:
    job = house.submit()
    house.store.gate.clear()
    follower = Follower(house.board, job).watch()
    await comes_true(lambda: house.store.after_steps)

    house.start(job)
    house.succeed(job)
    house.store.gate.set()

    await comes_true(lambda: states(follower) == STATES)
    assert follower.client.breaches == []


async def test_many_watchers_of_one_job_cost_one_reading(house: House) -> None:
    job = house.submit()

    followers = [Follower(house.board, job).watch() for _ in range(50)]

    await comes_true(lambda: all(follower.client.live for follower in followers))
    assert len(house.store.after_steps) == 1
    assert house.board.watched == 50


async def test_who_comes_while_a_place_is_read_gets_a_later_reading(house: House) -> None:
    job = house.submit()
    house.store.gate.clear()
    first = Follower(house.board, job).watch()
    await comes_true(lambda: house.store.after_steps)
    house.start(job)

    second = Follower(house.board, job).watch()
    house.store.gate.set()

    await comes_true(lambda: first.client.live and second.client.live)
    assert len(house.store.after_steps) == 2
    assert states(first) == states(second) == STATES[:2]
    assert first.client.breaches == second.client.breaches == []


async def test_who_subscribes_anew_is_not_answered_with_the_old_reading(house: House) -> None:
    job = house.submit()
    house.store.gate.clear()
    follower = Follower(house.board, job).watch()
    await comes_true(lambda: house.store.after_steps)
    house.start(job)

    follower.track, follower.client = Track(None), Client()
    follower.watch()
    house.store.gate.set()

    await comes_true(lambda: follower.client.live)
    assert states(follower) == STATES[:2]


async def test_a_gap_reads_each_job_once_from_the_step_its_slowest_watcher_has(
    house: House,
) -> None:
    job = house.submit()
    followers = [Follower(house.board, job).watch() for _ in range(5)]
    await comes_true(lambda: all(follower.client.live for follower in followers))
    house.feed.cut()
    house.start(job)
    house.succeed(job)

    await house.feed.mend()

    await comes_true(lambda: all(states(follower) == STATES for follower in followers))
    assert house.store.after_steps == [0, 1]
    assert house.board.gaps == 1
    assert [follower.client.snapshots for follower in followers] == [1] * 5


async def test_a_new_epoch_seen_in_one_job_resyncs_the_quiet_ones_too(house: House) -> None:
    busy, quiet = house.submit(), house.submit()
    followers = [Follower(house.board, job).watch() for job in (busy, quiet)]
    await comes_true(lambda: all(follower.client.live for follower in followers))
    epoch = followers[1].client.epoch

    house.fake.change_epoch()
    house.cancel(busy)

    await comes_true(lambda: followers[1].client.epoch != epoch)
    await comes_true(lambda: followers[0].client.epoch == followers[1].client.epoch)
    assert states(followers[0]) == ["queued", "cancelled"]
    assert states(followers[1]) == ["queued"]


async def test_a_store_that_is_away_is_asked_again_until_it_answers(house: House) -> None:
    job = house.submit()
    house.fake.away = True
    follower = Follower(house.board, job).watch()
    await comes_true(lambda: len(house.feed.asked) > 2)

    house.fake.away = False

    await comes_true(lambda: follower.client.live)


async def test_nothing_reaches_who_has_gone(house: House) -> None:
    job = house.submit()
    stays, goes = Follower(house.board, job).watch(), Follower(house.board, job).watch()
    await comes_true(lambda: stays.client.live and goes.client.live)

    house.board.unwatch("acme", job, goes)
    house.start(job)

    assert states(stays) == STATES[:2]
    assert states(goes) == STATES[:1]
    assert house.board.watched == 1


async def test_a_tenant_nobody_watches_is_left_after_a_while(house: House) -> None:
    board = Switchboard(house.store, house.feed, text_frame, linger_seconds=0.4)
    await board.start()
    job = house.submit()
    first = Follower(board, job).watch()
    await comes_true(lambda: first.client.live)

    board.unwatch("acme", job, first)
    again = Follower(board, job).watch()
    await comes_true(lambda: again.client.live)
    stayed = board.tenants
    board.unwatch("acme", job, again)

    await comes_true(lambda: board.tenants == 0)
    assert stayed == 1
    assert house.feed.tenants == set()
    late = Follower(board, job).watch()
    await comes_true(lambda: late.client.live)
    assert house.feed.tenants == {"acme"}
    await board.close()


async def test_a_job_of_another_tenant_is_missing(house: House) -> None:
    job = house.submit("acme")

    stranger = Follower(house.board, job, tenant="other").watch()

    await comes_true(lambda: stranger.missed)
    house.start(job)
    assert states(stranger) == []


async def test_progress_is_thinned_and_its_last_arrives(house: House) -> None:
    job = house.submit()
    follower = Follower(house.board, job).watch()
    await comes_true(lambda: follower.client.live)
    house.start(job)
    before = follower.client.revision

    for number in range(1, 101):
        house.report(job, number)

    assert follower.client.revision == before + 1
    await comes_true(lambda: follower.client.revision == before + 100)
    assert follower.client.breaches == []


async def test_a_job_can_be_followed_as_an_iterator(house: House) -> None:
    job = house.submit()
    seen = []
    async with aclosing(watch(house.board, "acme", job)) as frames, asyncio.timeout(5):
        async for frame in frames:
            message = unframed(frame)
            seen.append(message["type"])
            if message["type"] == "live":
                house.start(job)
                house.succeed(job)
            if message.get("state") == "succeeded":
                break

    assert seen == ["snapshot", "live", "transition", "transition"]
    assert house.board.watched == 0


async def test_an_iterator_resumes_from_a_cursor(house: House) -> None:
    job = house.submit()
    house.start(job)
    record = house.fake.do(ops.Read(tenant="acme", job=job))
    assert record is not None

    async with aclosing(watch(house.board, "acme", job, Cursor(record.epoch, 1, 1))) as frames:
        first = unframed(await asyncio.wait_for(anext(frames), 5))
        second = unframed(await asyncio.wait_for(anext(frames), 5))

    assert (first["type"], first["step"]) == ("transition", 2)
    assert second == {"type": "live", "job": job, "recovered": True}


async def test_an_iterator_says_when_there_is_no_such_job(house: House) -> None:
    async with aclosing(watch(house.board, "acme", str(uuid4()))) as frames:
        with pytest.raises(NoSuchJobError):
            await asyncio.wait_for(anext(frames), 5)


async def test_an_iterator_nobody_reads_starts_over_instead_of_growing(house: House) -> None:
    job = house.submit()
    async with aclosing(watch(house.board, "acme", job)) as frames:
        snapshot = unframed(await asyncio.wait_for(anext(frames), 5))
        live = unframed(await asyncio.wait_for(anext(frames), 5))
        for number in range(2, 3_000):
            house.feed.publish(
                FeedMessage(
                    tenant="acme", epoch=snapshot["epoch"], seq=number, job=job, revision=number,
                    step=number, transition=True, frame=b'{"type":"transition"}',
                )
            )  # fmt: skip
            if number % 100 == 0:
                await asyncio.sleep(0)

        again = unframed(await asyncio.wait_for(anext(frames), 5))

    assert live["type"] == "live"
    assert again["type"] == "snapshot"


class Bystander:
    """A watcher that only makes the crowd larger."""

    def happened(self, job: str, event: object) -> None: ...

    def placed(self, job: str, place: object) -> None: ...

    def disturbed(self, job: str) -> None: ...


async def test_what_is_lost_again_while_everybody_is_told_of_a_loss_is_not_overlooked(
    house: House,
) -> None:
    job = house.submit()
    follower = Follower(house.board, job).watch()
    await comes_true(lambda: follower.client.live)
    for _ in range(40):  # one turn of the loop for each
        other = house.submit()
        for _ in range(500):
            house.board.watch("acme", other, Bystander(), after_step=0)
    await comes_true(lambda: len(house.store.after_steps) == 41)

    house.board._lost()
    while house.store.after_steps[41:] != [1]:  # noqa: ASYNC110 - until it has looked again
        await asyncio.sleep(0)
    house.fake.do(ops.Cancel(tenant="acme", job=job, reason=None))
    house.fake.published.clear()
    house.board._lost()

    await comes_true(lambda: states(follower) == ["queued", "cancelled"])
