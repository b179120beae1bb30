"""How answers of the store are compared."""

from dataclasses import replace
from typing import Any

from shared.contracts.answers import Archived, CancelAnswer


def assert_same(again: Any, answer: Any, operation: object) -> None:
    """Let pass an operation that, asked again, is answered as it was the first time."""
    assert _but_for_ended(again) == _but_for_ended(answer), f"another answer: {operation}"


def _but_for_ended(answer: Any) -> Any:
    """An answer without what only the first asking is told: that it was this that ended the job."""
    if isinstance(answer, CancelAnswer):
        return replace(answer, ended=False)
    return replace(answer, ended="") if isinstance(answer, Archived) else answer
