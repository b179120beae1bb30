"""What a notifier counts is there before it happens."""

from prometheus_client import CollectorRegistry

from docs.instruments import notifier
from services.notifier.closes import Close
from services.notifier.tally import LEFT, REFUSED


def value(registry: CollectorRegistry, name: str, **labels: str) -> float | None:
    return registry.get_sample_value(f"waymark_notifier_{name}", labels)


def test_every_way_to_be_closed_and_every_refusal_is_there_at_0() -> None:
    registry = notifier()
    codes = [str(int(code)) for code in Close]

    closes = {why: value(registry, "closes_total", code=why) for why in (*codes, *LEFT)}
    refusals = {status: value(registry, "refusals_total", status=str(status)) for status in REFUSED}

    assert set(closes.values()) == set(refusals.values()) == {0}
    assert closes["4201"] == 0


def test_how_long_events_take_is_there_at_0() -> None:
    registry = notifier()

    for kind in ("transition", "progress"):
        assert value(registry, "publish_to_socket_seconds_count", type=kind) == 0
