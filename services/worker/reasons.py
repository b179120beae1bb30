"""The words under which ends of attempts are counted: closed sets, whatever a handler raises."""

from enum import StrEnum
from typing import Final

from services.worker import faults

HANDLER: Final = "handler"  # the code of a Fail is the handler's own: there is no end to those
NO_CODE: Final = ""
FAIL_CODES: Final = (
    HANDLER,
    "error",
    "retry",  # it asked for another attempt, and none was left
    faults.SOFT_LIMIT,
    faults.HARD_LIMIT,
    faults.CRASHED,
    faults.MEMORY_LIMIT,
    faults.POISON,
    faults.INVALID_PAYLOAD,
    faults.RESULT_TOO_LARGE,
    faults.RESULT_NOT_JSON,
    faults.UNKNOWN_TYPE,
    faults.ATTEMPTS_EXHAUSTED,
    faults.TOO_MANY_STEPS,
)


class RetryReason(StrEnum):
    """Why an attempt is made again."""

    EXCEPTION = "exception"
    ASKED = "asked"
    SOFT_TIME_LIMIT = "soft_time_limit"
    TIME_LIMIT = "time_limit"
    CRASHED = "crashed"
    MEMORY_LIMIT = "memory_limit"


class CrashCause(StrEnum):
    """What became of a slot that died while its worker lived."""

    SIGNAL = "signal"
    EXIT = "exit"
    MEMORY = "memory"  # killed by us at its max_rss; the kernel's own killer is a signal


class DeliveryOutcome(StrEnum):
    """How an attempt to deliver a webhook ended."""

    DELIVERED = "delivered"
    RETRIED = "retried"
    GIVEN_UP = "given_up"
