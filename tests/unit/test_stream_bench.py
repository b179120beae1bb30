"""The races of the stream stand on these; what they measure is told by `make bench-stream`."""

from tests.bench.stalled import WATCHERS, judge
from tests.bench.stream import Size, bars, table

FIGURES = {
    "fan-out": {"waymark": {"us": 8.0}, "starlette": {"us": 14.0}},
    "latency": {"waymark": {"p50": 3.0, "p99": 51.0}},
}


def test_a_bar_that_is_missed_is_said_to_be() -> None:
    judged = bars(FIGURES)

    assert [(bar.what, bar.cleared) for bar in judged] == [
        ("CPU of one delivery, 1 event to 1,000", True),
        ("publish to socket, p99", False),
    ]
    assert "p99: 51 ms, at most 50: MISSED" in table(FIGURES, judged)


def test_the_races_are_as_large_as_the_design_wants_them() -> None:
    size = Size()

    assert (size.fans, size.connections) == (1_000, 5_000)
    assert (size.watchers, size.events_per_second) == (2_000, 2_000)


def test_a_stalled_client_that_harms_others_is_told_of() -> None:
    harmless = {"reading": [3.0, 4.0, 5.0], "stalled": [4.2, 4.4, 9.0], "grown_kib": 90}

    assert judge({**harmless, "live": WATCHERS}) == []
    assert judge({**harmless, "stalled": [9.0, 9.0], "grown_kib": 9000, "live": 999}) == [
        "the others' p99 went from 4.0 to 9.0 ms",
        "the notifier grew by 9000 KiB",
        "1 of the others lost their connection",
    ]
