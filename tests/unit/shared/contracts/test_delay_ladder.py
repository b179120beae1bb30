"""The way of a message through the delay ladder, walked over the topology as it is declared."""

from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.topology import (
    DELIVER_EXCHANGE,
    LADDER_UNIT_MS,
    LONGEST_LADDER_DELAY_MS,
    house_topology,
    ladder_entry,
    ladder_key,
)

HOUSE = house_topology()
TTL_MS = {queue.name: int(queue.arguments.get("x-message-ttl", 0)) for queue in HOUSE.queues}
NEXT = {queue.name: queue.arguments.get("x-dead-letter-exchange") for queue in HOUSE.queues}
DESTINATION = "waymark.default.high"
HOUR_MS = 3_600_000

delays = st.integers(min_value=0, max_value=LONGEST_LADDER_DELAY_MS)


def matches(pattern: str, key: str) -> bool:
    """Whether a topic exchange hands a message with `key` to who is bound with `pattern`."""
    wanted, words = pattern.split("."), key.split(".")
    if wanted[-1] == "#":
        wanted, words = wanted[:-1], words[: len(wanted) - 1]
    return len(wanted) == len(words) and all(
        want in {"*", word} for want, word in zip(wanted, words, strict=True)
    )


def walk(delay_ms: int) -> tuple[int, int]:
    """Return how long (ms) the ladder holds a message, and in how many queues."""
    exchange, _ = ladder_entry(delay_ms)
    key = ladder_key(delay_ms, DESTINATION)
    waited = stops = 0
    while exchange != DELIVER_EXCHANGE:
        ways = [b for b in HOUSE.bindings if b.source == exchange and matches(b.key, key)]
        assert len(ways) == 1, f"{exchange} hands {key} to {len(ways)}"
        if ways[0].to_exchange:
            exchange = ways[0].destination
        else:
            waited, stops = waited + TTL_MS[ways[0].destination], stops + 1
            exchange = str(NEXT[ways[0].destination])
    return waited, stops


@given(delays)
def test_a_message_comes_out_never_early_and_less_than_a_unit_late(delay_ms: int) -> None:
    waited, stops = walk(delay_ms)

    assert waited == ladder_entry(delay_ms)[1]
    assert delay_ms <= waited < delay_ms + LADDER_UNIT_MS or waited == LADDER_UNIT_MS
    assert stops >= 1  # it may be the only copy: it has to lie somewhere


@given(st.integers(min_value=LONGEST_LADDER_DELAY_MS + 1, max_value=366 * 24 * HOUR_MS))
def test_a_longer_delay_comes_round_and_is_never_over_too_early(delay_ms: int) -> None:
    """Each time it comes round it is answered NOT_DUE with what is left, and climbs again."""
    left, laps = delay_ms, 0
    while left > 0:
        waited, _ = walk(left)
        left -= waited
        laps += 1

    assert -LADDER_UNIT_MS < left <= 0
    assert laps == -(-delay_ms // LONGEST_LADDER_DELAY_MS)


def test_the_ladder_holds_three_days() -> None:
    assert 72 * HOUR_MS <= LONGEST_LADDER_DELAY_MS < 73 * HOUR_MS
