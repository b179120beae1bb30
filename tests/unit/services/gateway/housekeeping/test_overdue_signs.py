"""What is made of depths, cards and claims: pure, with the time in hand."""

from collections.abc import Mapping

import msgspec
import pytest

from services.gateway.housekeeping.signs import Signs, held_jobs
from services.gateway.queues.depths import Depth
from shared.contracts.overdue import FoundOverdue, QueueNews
from tests.fakes.hands import HandClock
from tests.fakes.registry import a_worker

QUEUE = "waymark.default"
AFTER = 60.0
NOTHING = Depth(ready=0, consumers=0)
SERVED = Depth(ready=0, consumers=1)


class Watch:
    """Signs of one queue in which jobs wait, and the clock."""

    def __init__(self, handed: int = 0) -> None:
        self.clock = HandClock()
        self.signs = Signs(after=AFTER, monotonic=self.clock.monotonic)
        self.hear(handed)

    def hear(self, handed: int) -> None:
        self.signs.hear([told({QUEUE: handed})])

    def look(self, depth: Depth | None, *queues: str) -> None:
        cards = [a_worker("w1", *queues)] if queues else []
        self.signs.look({QUEUE: depth} if depth else {}, cards)

    @property
    def empty(self) -> bool:
        (news,) = self.signs.news()
        return news.empty

    @property
    def handed(self) -> int:
        (news,) = self.signs.news()
        return news.handed


def told(handed: Mapping[str, int], *waiting: str) -> FoundOverdue:
    return FoundOverdue(publish=(), handed=handed, waiting=frozenset(waiting or handed), more=False)


def test_a_queue_is_empty_once_it_has_been_for_longer_than_the_rule_asks() -> None:
    watch = Watch()
    watch.look(SERVED, "default")
    watch.clock.now += AFTER
    watch.look(SERVED, "default")
    assert not watch.empty

    watch.clock.now += 0.1
    assert watch.empty


@pytest.mark.parametrize(
    "between",
    [Depth(ready=1, consumers=1), Depth(ready=0, consumers=2), None],
    ids=["a message is ready", "somebody consumes who has no card", "it was not asked"],
)
def test_what_speaks_against_it_makes_it_begin_anew(between: Depth | None) -> None:
    watch = Watch()
    watch.look(SERVED, "default")
    watch.clock.now += AFTER
    watch.look(between, "default")
    watch.clock.now += 1
    watch.look(SERVED, "default")
    watch.clock.now += AFTER

    assert not watch.empty


def test_a_card_for_another_queue_does_not_vouch_for_a_consumer() -> None:
    watch = Watch()
    watch.look(SERVED, "other")
    watch.clock.now += AFTER + 1

    assert not watch.empty


def test_a_queue_without_consumers_needs_no_cards() -> None:
    watch = Watch()
    watch.look(NOTHING)
    watch.clock.now += AFTER + 1

    assert watch.empty


def test_a_time_in_which_nobody_looked_does_not_count() -> None:
    watch = Watch()
    watch.look(SERVED, "default")
    watch.signs.forget()
    watch.clock.now += AFTER + 1

    assert not watch.empty


def test_what_was_handed_out_counts_once_the_cards_have_had_time_to_say_who_holds_what() -> None:
    watch = Watch(handed=100)
    watch.clock.now += 9
    watch.hear(200)
    assert watch.handed == 0
    watch.clock.now += 1
    assert watch.handed == 100
    watch.clock.now += 9
    assert watch.handed == 200


def test_what_one_tenant_s_claims_saw_counts_for_all() -> None:
    watch = Watch()
    watch.signs.hear([told({QUEUE: 100}), told({QUEUE: 300, "waymark.x": 5}, QUEUE), told({})])
    watch.clock.now += 10

    assert watch.signs.news() == (QueueNews(queue=QUEUE, handed=300),)


def test_a_queue_in_which_nothing_waits_is_not_asked_about() -> None:
    watch = Watch()
    watch.signs.hear([])

    assert watch.signs.queues == []


def test_a_store_that_forgot_does_not_keep_older_news_from_being_believed() -> None:
    watch = Watch(handed=500)
    watch.clock.now += 10
    watch.hear(0)

    assert watch.handed == 500


def test_workers_name_by_tenant_what_they_hold() -> None:
    first = msgspec.structs.replace(a_worker("w1"), held={"a": ("1", "2"), "b": ("3",)})
    second = msgspec.structs.replace(a_worker("w2"), held={"a": ("4",)})

    assert held_jobs([first, second, a_worker("w3")]) == {
        "a": frozenset({"1", "2", "4"}),
        "b": frozenset({"3"}),
    }
