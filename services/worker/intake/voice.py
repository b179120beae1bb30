"""What Dramatiq's consumer threads say, in our words: its own shout CRITICAL once a second."""

from typing import Any, Final

import structlog

from shared.runtime.spells import Spell

_BROKE: Final = "Consumer encountered an unexpected error."

log = structlog.get_logger()


class ConsumerVoice:
    """Stands where a `ConsumerThread` has its logger; tells of a lost connection once."""

    def __init__(self, queue: str) -> None:
        """Speak for the consumer of an AMQP queue."""
        self._queue = queue
        self._spell = Spell("consumer_lost", "consumer_back")

    def consumes(self) -> None:
        """Say that it does."""
        self._spell.over(queue=self._queue)

    def critical(self, text: str, *words: object, exc_info: bool = False) -> None:
        """Tell what Dramatiq calls critical: a lost connection, or a bug."""
        if exc_info:
            log.exception("consumer_broke", queue=self._queue)  # noqa: LOG004 - called in a handler
        else:
            why = str(words[0]) if words else text
            self._spell.met(queue=self._queue, why=why)

    def info(self, text: str, *words: object) -> None:
        """Say nothing: that it connects again goes without saying."""

    debug = info

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401 - whatever else a logger has
        """Hand on what Dramatiq does not say today."""
        return getattr(log, name)
