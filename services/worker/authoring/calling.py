"""A call that a handler makes to somebody else, as the trace of its job knows it."""

import math
from collections.abc import Mapping
from typing import Final

Fact = str | int | float | bool
MOST_FACTS: Final = 64
LONGEST_TEXT: Final = 1_024  # characters
_LARGEST: Final = 2**63 - 1  # what an attribute of OpenTelemetry's holds


class Calling:
    """A call under way: hand on its `headers`, and `note` what is known of it."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        """Nothing is known of it yet."""
        self.headers = headers
        self.facts: dict[str, Fact] = {}
        self.fault: str | None = None

    def note(self, facts: Mapping[str, Fact]) -> None:
        """Add what is known: attributes of the span, named as OpenTelemetry names them.

        At most 64 texts (1,024 characters of each), numbers and truth values; others are left out.
        """
        self.facts.update(facts)

    def failed(self, word: str) -> None:
        """It went wrong; `word` says how, out of few: no text of an error."""
        self.fault = word

    def told(self) -> dict[str, Fact]:
        """Return the facts that a span can bear; the rest are left out, and nobody is stopped."""
        known = {words(name): _fact(value) for name, value in self.facts.items()}
        told = [(name, value) for name, value in known.items() if value is not None]
        return dict(told[:MOST_FACTS])


def words(text: object) -> str:
    """Return a text that can be sent on, whatever it was."""
    return str(text)[:LONGEST_TEXT].encode(errors="replace").decode()


def _fact(value: object) -> Fact | None:
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        return int(value) if abs(value) <= _LARGEST else None
    if isinstance(value, float):
        return float(value) if math.isfinite(value) else words(float(value))
    return words(value) if isinstance(value, str) else None
