"""One log for a process: structlog's events and the standard library's, as JSON lines on stderr.

A terminal gets a readable rendering instead. Passwords in URLs, API keys and JWTs never get out.
"""

import logging
import re
import sys
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any, Final, TextIO

import msgspec
import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

# They tell what our own events tell better: six errors and a traceback for each try to connect to a
# broker that is away. At DEBUG they may speak.
_QUIET: Final = {
    "pika": logging.CRITICAL,
    "dramatiq": logging.WARNING,
    "opentelemetry": logging.CRITICAL,
    "urllib3": logging.CRITICAL,
    "httpcore": logging.WARNING,  # at DEBUG it tells the headers and the URL of every webhook
}
_SECRETS: Final = (
    (re.compile(r"(://[^:/@\s\"']*:)[^@/\s\"']+@"), r"\1***@"),
    (re.compile(r"\b(wm_[A-Za-z0-9-]+_)[A-Za-z0-9_-]+"), r"\1***"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]+"), "***"),
    (re.compile(r"\b(whsec_)[A-Za-z0-9+/=_-]+"), r"\1***"),
    # pydantic tells in the text of an error what it was given: a part of a payload
    (re.compile(r"(\binput_value=).*?(, input_type=)"), r"\1***\2"),
)


class LineTally:
    """How many lines were written, from WARNING on."""

    def __init__(self) -> None:
        """Nothing is counted yet."""
        self.counts: Final = {"warning": 0, "error": 0, "critical": 0}

    def count(self, level: int) -> None:
        """Count a line of this level; for one thread at a time."""
        if level >= logging.WARNING:
            word = "warning"
            if level >= logging.ERROR:
                word = "critical" if level >= logging.CRITICAL else "error"
            self.counts[word] += 1


class _CountingHandler(logging.StreamHandler[TextIO]):
    """Counts what it writes, under its own lock: logging frees that one in a forked process."""

    def emit(self, record: logging.LogRecord) -> None:
        """Write a line."""
        tally.count(record.levelno)
        super().emit(record)


class StraightLines:
    """Writes lines of ours, many with one write, without the ordinary way: at INFO, no secrets.

    Only for what is known to hold none: ids, names and numbers.
    """

    def __init__(self, service: str, stream: TextIO) -> None:
        """Write to `stream`; every line bears the name `service`."""
        self._service = service
        self._stream = stream

    def write(self, lines: Sequence[Mapping[str, Any]]) -> None:
        """Write lines, each with its `event`; where nothing can be written they are lost."""
        always = {
            "service": self._service,
            "level": "info",
            "at": datetime.fromtimestamp(time.time(), UTC),
        }
        # As logging has it: a full disk, or a reader that has gone, is no reason to stop a job.
        with suppress(OSError, ValueError):
            written = b"".join([_encode({**always, **line}) + b"\n" for line in lines])
            self._stream.write(written.decode())


_encode: Final = msgspec.json.Encoder(enc_hook=str).encode
_straight: list[StraightLines] = []  # where lines are JSON and INFO is told


def straight() -> StraightLines | None:
    """Return what writes lines of ours at once; None where they have to go the ordinary way."""
    return _straight[0] if _straight else None


tally: Final = LineTally()  # of this process; `shared.runtime.metrics` tells it


def configure(service: str, level: str) -> None:
    """Send every log line of this process to stderr; call once, before anything is built.

    `level` is a name of the standard library's ("INFO"); every line bears the name `service`.
    """
    readable = sys.stderr.isatty()

    def name_service(_logger: WrappedLogger, _method: str, event: EventDict) -> EventDict:
        return {"service": service, **event}

    steps: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.processors.TimeStamper(fmt="iso", utc=True, key="at"),
        name_service,
    ]
    handler = _CountingHandler(sys.stderr)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=steps, processors=_rendering(readable=readable)
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(capture=True)
    informing = logging.getLogger().level <= logging.INFO
    _straight[:] = [StraightLines(service, sys.stderr)] if informing and not readable else []
    debugging = logging.getLogger().level <= logging.DEBUG
    for name, least in _QUIET.items():
        logging.getLogger(name).setLevel(logging.INFO if debugging else least)
    structlog.configure(
        processors=[
            structlog.stdlib.PositionalArgumentsFormatter(),
            *steps,
            structlog.stdlib.ProcessorFormatter.wrap_for_formatter,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.getLogger().level),
        logger_factory=structlog.stdlib.LoggerFactory(),
        cache_logger_on_first_use=True,
    )


def mask(text: str) -> str:
    """Return `text` without the passwords, API keys and tokens in it."""
    for secret, cover in _SECRETS:
        text = secret.sub(cover, text)
    return text


def _rendering(*, readable: bool) -> list[Processor]:
    # Tracebacks as plain text: the richer ones show local variables, and payloads with them.
    plain = structlog.dev.plain_traceback
    last: list[Processor] = (
        [structlog.dev.ConsoleRenderer(exception_formatter=plain)]
        if readable
        else [
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(default=str),
        ]
    )
    return [structlog.stdlib.ProcessorFormatter.remove_processors_meta, *last, _mask_line]


def _mask_line(_logger: WrappedLogger, _method: str, line: EventDict) -> str:
    # The renderer before it has made a text of the event: nothing nested can slip through.
    return mask(str(line))
