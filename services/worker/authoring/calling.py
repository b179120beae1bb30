"""A call that a handler makes to somebody else, as the trace of its job knows it."""

from collections.abc import Mapping

Fact = str | int | float | bool


class Calling:
    """A call under way: hand on its `headers`, and `note` what is known of it."""

    def __init__(self, headers: Mapping[str, str]) -> None:
        """Nothing is known of it yet."""
        self.headers = headers
        self.facts: dict[str, Fact] = {}
        self.fault: str | None = None

    def note(self, facts: Mapping[str, Fact]) -> None:
        """Add what is known: attributes of the span, named as OpenTelemetry names them."""
        self.facts.update(facts)

    def failed(self, word: str) -> None:
        """It went wrong; `word` says how, out of few: no text of an error."""
        self.fault = word
