"""What a drill must have shown: the right alert in its time, and nobody called for less."""

from collections.abc import Sequence
from dataclasses import dataclass, field

from tests.drill.pager import HEARTBEAT, PAGER, TICKETS, Call


@dataclass(frozen=True)
class Expected:
    """One alert that must arrive; `within` seconds of its cause."""

    alert: str
    receiver: str
    within: float
    labels: dict[str, str] = field(default_factory=dict)

    def is_met_by(self, call: Call) -> bool:
        """Tell whether this call is it, whenever it came."""
        return (
            call.alert == self.alert
            and call.receiver == self.receiver
            and self.labels.items() <= call.labels.items()
        )


def flaws(
    expected: Sequence[Expected],
    calls: Sequence[Call],
    *,
    planted: float,
    tickets_allowed: bool = True,
) -> list[str]:
    """Return all that is wrong with the calls of one drill; `planted` as the calls' clock.

    Tickets beside the right alert are no flaw unless `tickets_allowed` says so: only pages wake.
    """
    wrong: list[str] = []
    if not any(call.receiver == HEARTBEAT for call in calls):
        wrong.append("deaf: not even the heartbeat came, so silence says nothing")
    for each in expected:
        hits = [call for call in calls if each.is_met_by(call)]
        if not hits:
            wrong.append(f"missed: {each.alert} never came to {each.receiver}")
        elif (took := hits[0].at - planted) > each.within:
            wrong.append(f"late: {each.alert} after {took:.0f} s, allowed are {each.within:.0f} s")
        elif took < 0:
            wrong.append(f"early: {each.alert} came before its cause")
    called_for = {PAGER} if tickets_allowed else {PAGER, TICKETS}
    for call in calls:
        is_right = any(each.is_met_by(call) for each in expected)
        if not is_right and call.receiver in called_for:
            wrong.append(f"besides: {call.receiver} was called by {call.labels}")
    return wrong
