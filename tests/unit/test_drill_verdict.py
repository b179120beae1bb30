"""The judge of a drill: what it must find, and what it must let pass."""

from tests.drill.pager import HEARTBEAT, PAGER, TICKETS, Call, Pager
from tests.drill.verdict import Expected, flaws

RIGHT = Expected("RedisDown", PAGER, within=180, labels={"service": "redis"})
PLANTED = 1_000.0


def call(alert: str, receiver: str = PAGER, *, after: float = 60, **labels: str) -> Call:
    return Call(PLANTED + after, receiver, {"alertname": alert, **labels})


def judged(*calls: Call, tickets_allowed: bool = True) -> list[str]:
    alive = call("Watchdog", HEARTBEAT, after=-60)
    return flaws([RIGHT], [alive, *calls], planted=PLANTED, tickets_allowed=tickets_allowed)


def test_the_right_alert_in_its_time_and_tickets_beside_it_are_well() -> None:
    assert judged(call("RedisDown", service="redis"), call("LogErrors", TICKETS)) == []


def test_an_alert_that_never_comes_is_missed() -> None:
    (flaw,) = judged()

    assert flaw.startswith("missed: RedisDown")


def test_an_alert_of_something_else_by_the_same_name_is_not_it() -> None:
    missed, besides = judged(call("RedisDown", service="another"))

    assert missed.startswith("missed")
    assert besides.startswith("besides")


def test_a_ticket_is_no_page() -> None:
    (flaw,) = judged(call("RedisDown", TICKETS, service="redis"))

    assert flaw.startswith("missed")


def test_late_is_wrong_and_so_is_before_its_cause() -> None:
    assert judged(call("RedisDown", after=181, service="redis"))[0].startswith("late")
    assert judged(call("RedisDown", after=-1, service="redis"))[0].startswith("early")


def test_any_other_page_is_wrong_and_tickets_where_there_may_be_none() -> None:
    right = call("RedisDown", service="redis")

    assert judged(right, call("DutyStalled"))[0].startswith("besides")
    assert judged(right, call("LogErrors", TICKETS), tickets_allowed=False) != []


def test_silence_without_a_heartbeat_is_deafness() -> None:
    (flaw,) = flaws([], [], planted=PLANTED)

    assert flaw.startswith("deaf")


def test_an_alert_calls_once_however_often_it_is_repeated() -> None:
    pager = Pager()
    told = {"alerts": [{"status": "firing", "labels": {"alertname": "RedisDown"}}]}

    pager.note(PAGER, told)
    pager.note(PAGER, told)
    pager.note(PAGER, {"alerts": [{"status": "resolved", "labels": {"alertname": "Other"}}]})
    pager.hang_up()

    assert [each.alert for each in pager.calls] == ["RedisDown"]
