"""One log for a process: structlog's events and the standard library's, as JSON lines on stderr.

A terminal gets a readable rendering instead. Passwords in URLs, API keys and JWTs never get out.
"""

import logging
import re
import sys
import threading
from typing import Final

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

# They tell what our own events tell better: six errors and a traceback for each try to connect to a
# broker that is away. At DEBUG they may speak.
_QUIET: Final = {
    "pika": logging.CRITICAL,
    "dramatiq": logging.WARNING,
    "opentelemetry": logging.CRITICAL,
    "urllib3": logging.CRITICAL,
}
_SECRETS: Final = (
    (re.compile(r"(://[^:/@\s\"']*:)[^@/\s\"']+@"), r"\1***@"),
    (re.compile(r"\b(wm_[A-Za-z0-9-]+_)[A-Za-z0-9_-]+"), r"\1***"),
    (re.compile(r"\beyJ[\w-]+\.[\w-]+\.[\w-]+"), "***"),
)


class LineTally(logging.Filter):
    """Counts the lines that are written, from WARNING on; lets every line pass."""

    def __init__(self) -> None:
        """Nothing is counted yet."""
        super().__init__()
        self.counts: Final = {"warning": 0, "error": 0, "critical": 0}
        self._counting = threading.Lock()

    def filter(self, record: logging.LogRecord) -> bool:
        """Count a line."""
        if record.levelno >= logging.WARNING:
            word = "warning"
            if record.levelno >= logging.ERROR:
                word = "critical" if record.levelno >= logging.CRITICAL else "error"
            with self._counting:
                self.counts[word] += 1
        return True


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
    handler = logging.StreamHandler(sys.stderr)
    handler.addFilter(tally)
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=steps, processors=_rendering(readable=readable)
        )
    )
    logging.basicConfig(handlers=[handler], level=level, force=True)
    logging.captureWarnings(capture=True)
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
