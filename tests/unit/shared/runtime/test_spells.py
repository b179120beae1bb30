"""How a trouble is told: its beginning, its end, and nothing once a second."""

from structlog.testing import capture_logs

from shared.runtime.spells import Histories, Spell
from tests.fakes.hands import HandClock


def test_a_spell_is_two_lines_however_often_it_is_met() -> None:
    clock = HandClock()
    spell = Spell("leases_not_renewed", "leases_renewed_again", monotonic=clock.monotonic)
    with capture_logs() as said:
        spell.over()
        for number in range(5):
            spell.met(job_id=f"j{number}")
            clock.now += 2.0
        spell.over(attempts=3)
        spell.over()

    told = [line for line in said if line["log_level"] != "debug"]
    assert told == [
        {"event": "leases_not_renewed", "log_level": "warning", "job_id": "j0"},
        {
            "event": "leases_renewed_again",
            "log_level": "info",
            "after_seconds": 10.0,
            "times": 5,
            "attempts": 3,
        },
    ]


def test_the_next_spell_is_told_again() -> None:
    spell = Spell("begins", "ends")
    with capture_logs() as said:
        for _ in range(2):
            spell.met()
            spell.over()

    assert [line["event"] for line in said] == ["begins", "ends"] * 2


def test_trouble_that_comes_and_goes_is_one_spell_until_it_is_calm() -> None:
    clock = HandClock()
    spell = Spell("begins", "ends", calm_seconds=2.0, monotonic=clock.monotonic)
    with capture_logs() as said:
        for _ in range(5):
            spell.met()
            clock.now += 0.5
            spell.over()
        clock.now += 2.0
        spell.over()

    assert [line["event"] for line in said if line["log_level"] != "debug"] == ["begins", "ends"]


def test_a_new_history_of_a_tenant_is_told_once() -> None:
    histories = Histories()
    with capture_logs() as said:
        for epoch in ("aaaa", "aaaa", "bbbb", "bbbb"):
            histories.note("acme", epoch)
        histories.note("other", "cccc")

    assert [(line["event"], line["before"], line["now"]) for line in said] == [
        ("store_history_changed", "aaaa", "bbbb")
    ]
