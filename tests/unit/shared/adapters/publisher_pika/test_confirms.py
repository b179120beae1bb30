"""The confirm bookkeeping: every message gets exactly the answer that was meant for it."""

import asyncio

from hypothesis import given
from hypothesis import strategies as st

from shared.adapters.publisher_pika.confirms import Batch, Confirms
from shared.contracts.errors import BrokerUnavailable, Unroutable, WaymarkError

UNKNOWN = BrokerUnavailable("nobody knows")


class Sent:
    """One message and what its sender has heard of it."""

    def __init__(self, batch: Batch, place: int) -> None:
        self._batch, self._place = batch, place

    def done(self) -> bool:
        return self.result() is not UNKNOWN

    def result(self) -> WaymarkError | None:
        return self._batch.fates(UNKNOWN)[self._place]


def send(confirms: Confirms, count: int, batch: Batch | None = None) -> list[Sent]:
    """Send `count` messages together; return them, oldest first."""
    batch = batch or Batch(count)
    for place in range(count):
        confirms.sent(batch, place)
    return [Sent(batch, place) for place in range(count)]


async def test_an_ack_answers_its_message_only() -> None:
    confirms = Confirms()
    first, second, third = send(confirms, 3)

    assert confirms.acked(2, multiple=False) == 1

    assert second.result() is None
    assert not first.done()
    assert not third.done()
    assert len(confirms) == 2


async def test_an_ack_for_multiple_answers_everything_up_to_it() -> None:
    confirms = Confirms()
    first, second, third = send(confirms, 3)
    confirms.acked(1, multiple=False)

    assert confirms.acked(2, multiple=True) == 1

    assert first.result() is None
    assert second.result() is None
    assert not third.done()


async def test_a_nack_for_multiple_refuses_everything_up_to_it() -> None:
    confirms = Confirms()
    waiters = send(confirms, 2)

    assert confirms.nacked(2, multiple=True) == 2

    assert all(isinstance(waiter.result(), BrokerUnavailable) for waiter in waiters)


async def test_a_returned_message_stays_unroutable_when_its_ack_follows() -> None:
    confirms = Confirms()
    correlation_id = str(confirms.next_number)
    (waiter,) = send(confirms, 1)

    confirms.returned(correlation_id, "waymark.nowhere")
    answered = confirms.acked(1, multiple=False)

    fault = waiter.result()
    assert isinstance(fault, Unroutable)
    assert fault.fields == {"queue": "waymark.nowhere"}
    assert answered == 1


async def test_a_return_that_belongs_to_nobody_changes_nothing() -> None:
    confirms = Confirms()
    (waiter,) = send(confirms, 1)

    confirms.returned("7", "waymark.nowhere")

    assert not waiter.done()


async def test_a_lost_channel_makes_every_outcome_unknown() -> None:
    confirms = Confirms()
    waiters = send(confirms, 3)
    confirms.acked(1, multiple=False)

    assert confirms.lost("connection reset") == 2

    assert waiters[0].result() is None
    assert all("nknown outcome" in str(waiter.result()) for waiter in waiters[1:])
    assert confirms.lost("again") == 0


async def test_a_caller_who_gave_up_keeps_its_number_and_disturbs_nobody() -> None:
    confirms, batch = Confirms(), Batch(1)
    send(confirms, 1, batch)
    gives_up = asyncio.create_task(batch.known())
    await asyncio.sleep(0)
    gives_up.cancel()
    (second,) = send(confirms, 1)
    await asyncio.sleep(0)

    assert len(confirms) == 2
    assert confirms.acked(2, multiple=True) == 2

    assert second.result() is None


async def test_a_batch_is_known_when_the_last_of_it_is() -> None:
    confirms, batch = Confirms(), Batch(3)
    send(confirms, 3, batch)
    knows = asyncio.create_task(batch.known())

    confirms.acked(2, multiple=True)
    await asyncio.sleep(0)
    assert not knows.done()
    confirms.nacked(3, multiple=False)
    await asyncio.wait_for(knows, 1)

    assert [type(fate) for fate in batch.fates(UNKNOWN)] == [
        type(None),
        type(None),
        BrokerUnavailable,
    ]


async def test_messages_of_two_batches_are_told_apart() -> None:
    confirms = Confirms()
    (mine,) = send(confirms, 1)
    theirs = send(confirms, 2)

    confirms.returned("2", "waymark.nowhere")
    confirms.acked(3, multiple=True)

    assert mine.result() is None
    assert [type(one.result()) for one in theirs] == [Unroutable, type(None)]


async def test_an_answer_for_a_number_never_sent_answers_nobody() -> None:
    confirms = Confirms()
    (waiter,) = send(confirms, 1)

    assert confirms.acked(5, multiple=False) == 0

    assert not waiter.done()


@given(st.lists(st.tuples(st.booleans(), st.booleans(), st.integers(1, 12)), max_size=30))
def test_every_message_is_answered_once_and_by_its_first_answer(
    answers: list[tuple[bool, bool, int]],
) -> None:
    asyncio.run(_answered_as_a_broker_would(answers))


async def _answered_as_a_broker_would(answers: list[tuple[bool, bool, int]]) -> None:
    confirms = Confirms()
    waiters = send(confirms, 12)
    meant: dict[int, bool] = {}

    for ack, multiple, number in answers:
        numbers = range(1, number + 1) if multiple else [number]
        fresh = [n for n in numbers if n not in meant]
        hear = confirms.acked if ack else confirms.nacked
        assert hear(number, multiple=multiple) == len(fresh)
        meant |= dict.fromkeys(fresh, ack)

    assert {n for n, waiter in enumerate(waiters, 1) if waiter.done()} == set(meant)
    assert all((waiters[n - 1].result() is None) is ack for n, ack in meant.items())
