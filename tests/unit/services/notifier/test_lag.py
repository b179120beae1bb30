"""When the loop counts as late, when as overloaded, and when it is over."""

from services.notifier.lag import Lag


def note(lag: Lag, *ticks: float) -> Lag:
    for late_by in ticks:
        lag.note(late_by)
    return lag


def test_a_loop_in_time_is_neither() -> None:
    lag = note(Lag(), 0.0, 0.002, -0.001, 0.09)

    assert (lag.is_late, lag.is_overloaded) == (False, False)


def test_a_late_tick_makes_it_late_and_three_very_late_ones_overloaded() -> None:
    assert (note(Lag(), 0.11).is_late, note(Lag(), 0.11).is_overloaded) == (True, False)
    assert not note(Lag(), 0.51, 0.51).is_overloaded
    assert note(Lag(), 0.51, 0.51, 0.51).is_overloaded


def test_one_long_pause_turns_nobody_away() -> None:
    assert not note(Lag(), 3.0, 0.0, 3.0, 0.0).is_overloaded


def test_it_lets_people_in_again_soon_and_is_in_time_a_little_later() -> None:
    lag = note(Lag(), 0.6, 0.6, 0.6)

    let_in_after = 0
    while lag.is_overloaded:
        lag.note(0.001)
        let_in_after += 1
    in_time_after = let_in_after
    while lag.is_late:
        lag.note(0.001)
        in_time_after += 1

    assert 5 <= let_in_after <= 15, "ticks of a tenth of a second"
    assert let_in_after < in_time_after <= 30


def test_it_does_not_waver_around_a_bound() -> None:
    lag = note(Lag(), 0.12)

    changes, before = 0, lag.is_late
    for late_by in (0.09, 0.11) * 50:
        lag.note(late_by)
        changes += lag.is_late is not before
        before = lag.is_late

    assert changes == 0
