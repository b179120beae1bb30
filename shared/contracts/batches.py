"""Many jobs in one operation: what a bulk submit asks of the store."""

from shared.contracts.answers import Submitted
from shared.contracts.operations import Operation, Submit


class SubmitMany(Operation[tuple[Submitted, ...]], frozen=True, kw_only=True):
    """Submit all of `jobs`, in order and in one go; the answers are in the same order.

    All are of the operation's tenant. Jobs of one batch meet each other as those of two requests
    do: the second with a `unique_key` is a DUPLICATE of the first. `atomic`: all or none; where
    one is refused (MISMATCH, IN_FLIGHT, TAKEN, OVER_QUOTA), the others are WITHHELD.
    """

    jobs: tuple[Submit, ...]
    atomic: bool = False


class ConfirmMany(Operation[int], frozen=True, kw_only=True):
    """The broker confirmed these (job, dispatch) pairs; returns how many entries were cleared."""

    dispatches: tuple[tuple[str, int], ...]
