"""The rungs of a stop."""

import pytest

from services.worker.attempts.attempt import Mailbox
from services.worker.cancelling import Rung, StopOrder, rung_due

ORDER = StopOrder("cancelled", 100.0, 109.0)


@pytest.mark.parametrize(
    ("now", "rung"),
    [
        (100.0, Rung.FLAG),
        (100.4, Rung.FLAG),
        (100.5, Rung.EXCEPTION),
        (105.9, Rung.EXCEPTION),
        (106.0, Rung.TERM),
        (108.9, Rung.TERM),
        (109.0, Rung.KILL),
        (500.0, Rung.KILL),
    ],
)
def test_a_stop_grows_harder_towards_its_deadline(now: float, rung: Rung) -> None:
    assert rung_due(now, ORDER) is rung


def test_of_a_short_grace_a_tenth_is_for_the_flag() -> None:
    order = StopOrder("cancelled", 100.0, 101.0)
    assert rung_due(100.09, order) is Rung.FLAG
    assert rung_due(100.1, order) is Rung.EXCEPTION


def test_a_deploy_has_no_flag_to_show() -> None:
    assert rung_due(100.0, StopOrder("shutdown", 100.0, 109.0)) is Rung.EXCEPTION


def test_no_grace_means_a_kill_at_once() -> None:
    assert rung_due(100.0, StopOrder("cancelled", 100.0, 100.0)) is Rung.KILL


def test_the_first_cancel_counts_however_often_a_heartbeat_repeats_it() -> None:
    mailbox = Mailbox()
    mailbox.cancel(ORDER)
    mailbox.cancel(StopOrder("cancelled", 104.0, 113.0))
    assert mailbox.order == ORDER


def test_of_a_cancel_and_a_drain_the_nearer_deadline_is_obeyed() -> None:
    mailbox = Mailbox()
    mailbox.cancel(ORDER)
    mailbox.shut_down(StopOrder("shutdown", 101.0, 104.0))
    assert mailbox.order == StopOrder("shutdown", 101.0, 104.0)
    assert mailbox.cancelled
