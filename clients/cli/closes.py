"""What a broken connection means for the client: a code's range tells, so new codes work too."""

import random
from enum import Enum, auto
from typing import Final

BAD_TOKEN: Final = 4002
TOKEN_EXPIRED: Final = 4101
STATE_INVALIDATED: Final = 4202
BASE_SECONDS: Final = 0.5
CAP_SECONDS: Final = 20.0

_TOO_BIG: Final = 1009
_STOP: Final = range(4000, 4100)
_RESUME: Final = range(4200, 4300)


class Action(Enum):
    """What to do next."""

    STOP = auto()  # repeating it cannot help
    BACK_OFF = auto()
    RESUME = auto()  # at once


def action_for(code: int | None) -> Action:
    """Return what a close code asks for; None when the connection just broke."""
    if code in _STOP or code == _TOO_BIG:
        return Action.STOP
    return Action.RESUME if code in _RESUME else Action.BACK_OFF


def back_off(attempt: int) -> float:
    """Return seconds to wait before try number `attempt` (from 1): full jitter."""
    highest = min(CAP_SECONDS, BASE_SECONDS * 2 ** min(attempt - 1, 30))
    return random.uniform(0, highest)  # noqa: S311 - no secret
