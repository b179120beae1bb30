"""The words of `waymark.v1`: what a client may say, and the server's words about no job. Pure."""

import re
from datetime import UTC, datetime
from typing import Annotated, Final, Literal

import msgspec

from services.notifier import frames

VERSION: Final = 1
SUBPROTOCOL: Final = "waymark.v1"
PATH: Final = "/v1/stream"
_JOB_ID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")

Count = Annotated[int, msgspec.Meta(ge=0, le=2**53 - 1)]  # what every JSON reader can hold
Name = Annotated[str, msgspec.Meta(max_length=128)]
RequestId = Count | Name


class BadMessageError(ValueError):
    """A client said what the protocol does not know; the text says what is wrong."""


class WrongVersionError(BadMessageError):
    """A hello of a version that this server does not speak."""


class Subscription(msgspec.Struct, frozen=True):
    """`{"job": id}` or `{"feed": true}`, with a whole cursor to resume from or none."""

    job: Annotated[str, msgspec.Meta(min_length=1, max_length=128)] | None = None
    feed: bool = False
    epoch: Name | None = None
    revision: Count | None = None
    step: Count | None = None
    seq: Count | None = None

    def __post_init__(self) -> None:
        """Refuse what is neither or half."""
        if (self.job is None) == (not self.feed):
            raise ValueError('a subscription is {"job": id} or {"feed": true}')
        parts = (self.epoch, self.seq) if self.feed else (self.epoch, self.revision, self.step)
        if len({part is None for part in parts}) > 1:
            raise ValueError("a cursor is whole or left out")


class Hello(msgspec.Struct, frozen=True, tag="hello", tag_field="type"):
    """The first message."""

    version: int
    token: str
    subscriptions: list[Subscription] = []


class Subscribe(msgspec.Struct, frozen=True, tag="subscribe", tag_field="type"):
    """Follow these too, or from another cursor."""

    id: RequestId
    subscriptions: list[Subscription]


class Unsubscribe(msgspec.Struct, frozen=True, tag="unsubscribe", tag_field="type"):
    """Do not follow these any more."""

    id: RequestId
    subscriptions: list[Subscription]


class Auth(msgspec.Struct, frozen=True, tag="auth", tag_field="type"):
    """Go on with this token instead of the one before; of the same tenant."""

    id: RequestId
    token: str


class Pong(msgspec.Struct, frozen=True, tag="pong", tag_field="type"):
    """The client is there."""


class _Opening(msgspec.Struct, frozen=True):
    type: Literal["hello"]  # a tag alone could be left out
    version: int  # read before the rest: another version may look different


class _Identified(msgspec.Struct, frozen=True):
    id: RequestId | None = None


Later = Subscribe | Unsubscribe | Auth | Pong

PING: Final = b'{"type":"ping"}'
_encode = msgspec.json.Encoder().encode
_UNREADABLE: Final = (msgspec.DecodeError, RecursionError)  # the latter: nested too deeply
_opening = msgspec.json.Decoder(_Opening)
_hello = msgspec.json.Decoder(Hello)
_later: msgspec.json.Decoder[Later] = msgspec.json.Decoder(Later)
_identified = msgspec.json.Decoder(_Identified)


def is_job_id(text: str) -> bool:
    """Whether a job could have this id."""
    return _JOB_ID.fullmatch(text) is not None


def read_hello(text: str) -> Hello:
    """Read the first message.

    Raises:
        WrongVersionError: a hello, of another version.
        BadMessageError: no hello.
    """
    try:
        if (version := _opening.decode(text).version) != VERSION:
            raise WrongVersionError(f"version {version}")
        return _hello.decode(text)
    except _UNREADABLE as fault:
        raise BadMessageError(str(fault)) from fault


def read_later(text: str) -> Later:
    """Read a message after the hello.

    Raises:
        BadMessageError: it is none of these.
    """
    try:
        return _later.decode(text)
    except _UNREADABLE as fault:
        raise BadMessageError(str(fault)) from fault


def id_of(text: str) -> RequestId | None:
    """Return the id of a message that is otherwise bad, if it has one."""
    try:
        return _identified.decode(text).id
    except _UNREADABLE:
        return None


def welcome(
    *,
    session: str,
    expires_at: int,
    ping_interval: float,
    timeout: float,
    max_subscriptions: int,
) -> bytes:
    """Return the answer to a hello; `expires_at` in seconds since the epoch, durations too."""
    return _encode(
        frames.Welcome(
            session=session,
            expires_at=datetime.fromtimestamp(expires_at, UTC).strftime("%Y-%m-%dT%H:%M:%SZ"),
            ping_interval_ms=round(ping_interval * 1000),
            timeout_ms=round(timeout * 1000),
            max_subscriptions=max_subscriptions,
        )
    )


def ok(request: RequestId) -> bytes:
    """Return the good answer to a request."""
    return _encode(frames.Ok(request))


def auth_expiring(in_seconds: int) -> bytes:
    """Return the warning that the token runs out."""
    return _encode(frames.AuthExpiring(in_seconds))


def drain(*, after_ms: tuple[int, int], grace_ms: int) -> bytes:
    """Return the request to move to another server.

    The client picks a moment between the two of `after_ms`, connects anew, resumes there, and then
    closes this connection, which lasts for `grace_ms` from now.
    """
    return _encode(frames.Drain(after_ms, grace_ms))


def error(
    code: str,
    detail: str,
    request: RequestId | None,
    *,
    job: str | None = None,
    feed: bool = False,
) -> bytes:
    """Return the bad answer to a request, or to something that had no id.

    `job`: it is about this one; `feed`: about the feed.
    """
    return _encode(frames.Error(code, detail, request, job, feed))
