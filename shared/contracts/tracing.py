"""The W3C trace context of a job, as texts. Pure.

https://www.w3.org/TR/trace-context/: a `traceparent` is `00-<trace id>-<span id>-<flags>`, all of
it lower-case hex; a `tracestate` is what tracing systems tell each other beside it.
"""

import re
from collections.abc import Sequence
from hashlib import blake2b
from typing import Final, NamedTuple

TRACEPARENT_CHARACTERS: Final = 55
LONGEST_STATE: Final = 512  # characters; so many have to be handed on (section 3.3.1.5)
MOST_MEMBERS: Final = 32
_KNOWN_FLAGS: Final = 0b11  # sampled; random (level 2)
_SAMPLED: Final = 0b1
_OF_VERSION_0: Final = "00"
_TRACEPARENT: Final = re.compile(
    r"(?!ff)([0-9a-f]{2})-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(-.*)?",
    re.ASCII,
)
# As the release before took them: up to 64 more characters, of any kind, may follow.
_BEGINS: Final = re.compile(
    r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}", re.ASCII
)
_MEMBER: Final = re.compile(
    r"[a-z0-9][a-z0-9_\-*/@]{0,255}="
    r"[\x20-\x2b\x2d-\x3c\x3e-\x7e]{0,255}[\x21-\x2b\x2d-\x3c\x3e-\x7e]",
    re.ASCII,
)


class TraceContext(NamedTuple):
    """What is handed on: a traceparent of version 00, and a tracestate or None."""

    traceparent: str
    tracestate: str | None = None


def read_context(traceparents: Sequence[str], tracestates: Sequence[str]) -> TraceContext | None:
    """Return the context that the headers of a request bear; None where it is not well-formed.

    A tracestate at fault is dropped by itself.
    """
    if len(traceparents) != 1:
        return None
    found = _TRACEPARENT.fullmatch(traceparents[0].strip(" \t"))
    if found is None or (found[5] is not None and found[1] == _OF_VERSION_0):
        return None
    flags = int(found[4], 16) & _KNOWN_FLAGS
    parent = f"{_OF_VERSION_0}-{found[2]}-{found[3]}-{flags:02x}"
    return TraceContext(parent, _read_state(tracestates))


def recall_context(text: str) -> TraceContext | None:
    """Return the context that a record or a message keeps as `<traceparent> <tracestate>`.

    Whatever follows a traceparent and cannot be handed on is left out: none of it may keep a job
    from being published.
    """
    found = _BEGINS.match(text)
    if found is None:
        return None
    rest = text[TRACEPARENT_CHARACTERS:]
    fits = rest[:1] == " " and len(rest) <= 1 + LONGEST_STATE
    fits = fits and rest.isascii() and rest.isprintable()
    return TraceContext(found[0], rest.strip() or None if fits else None)


def traceparent(trace_id: str, span_id: str, *, sampled: bool) -> str:
    """Return the text of one."""
    return f"{_OF_VERSION_0}-{trace_id}-{span_id}-{'01' if sampled else '00'}"


def with_span(parent: str, span_id: str) -> str:
    """Return the traceparent of a span of the same trace."""
    return f"{parent[:36]}{span_id}{parent[52:]}"


def trace_id_of(parent: str | None) -> str | None:
    """Return the trace that a traceparent is of."""
    return parent[3:35] if parent else None


def span_id_of(parent: str) -> str:
    """Return the span that a traceparent names."""
    return parent[36:52]


def is_sampled(parent: str) -> bool:
    """Whether somebody has decided that this trace is kept."""
    return len(parent) == TRACEPARENT_CHARACTERS and bool(int(parent[53:], 16) & _SAMPLED)


def span_id_of_attempt(parent: str, number: int, started_at: int) -> str:
    """Return the span of an attempt: known to each later one, which has nothing but the record.

    `parent`: the job's traceparent. `started_at` (ms): one that a deploy has interrupted leaves its
    number to the next.
    """
    return blake2b(f"{parent} {number} {started_at}".encode(), digest_size=8).hexdigest()


def _read_state(headers: Sequence[str]) -> str | None:
    members = [part.strip(" \t") for header in headers for part in header.split(",")]
    members = [member for member in members if member]
    keys = {member.partition("=")[0] for member in members}
    well_formed = all(map(_MEMBER.fullmatch, members)) and len(keys) == len(members)
    if not members or not well_formed or len(members) > MOST_MEMBERS:
        return None
    while members and len(",".join(members)) > LONGEST_STATE:
        members.pop()  # the oldest ones stand last
    return ",".join(members) or None
