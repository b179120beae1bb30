"""Every frame that the server sends, as `docs/reference/stream.json` describes it.

Those about a job are written elsewhere, once for all who watch it: transitions and progress by the
store's scripts, the others by `shared.stream`. A test holds real ones against this.
"""

from typing import Annotated, Any, Final, Literal

import msgspec
from msgspec import Meta

from shared.contracts.feed import Loss
from shared.contracts.lifecycle import State

JobId = Annotated[str, Meta(description="The job that it is about.")]
Epoch = Annotated[
    str,
    Meta(
        description="One history of the store. A frame of another one than the last snapshot's is"
        " dropped, and the job subscribed again."
    ),
]
Seq = Annotated[int, Meta(ge=0, description="Counts the tenant's events: a feed's cursor.")]
Revision = Annotated[
    int, Meta(ge=0, description="Counts the job's events. Holes are legal: progress is thinned.")
]
Step = Annotated[int, Meta(ge=0, description="Counts the job's transitions, without holes.")]
Moment = Annotated[str, Meta(description="RFC 3339, UTC.")]
Millis = Annotated[int, Meta(ge=0, description="Milliseconds.")]
Traceparent = Annotated[
    str, Meta(description="The trace that the job belongs to, as W3C Trace Context writes it.")
]
RequestId = Annotated[int | str, Meta(description="The `id` of the request that it answers.")]

ERROR_CODES: Final = {
    "bad-message": "The message is none of the protocol's. After ten of them: 4005.",
    "forbidden": "The token does not allow it; a subscription that a new token does not allow"
    " is dropped.",
    "job-not-found": "There is no such job in the token's tenant.",
    "too-many-subscriptions": "The connection follows as many as it may.",
    "store-unavailable": "The store does not answer: ask again later.",
    "token-expired": "The new token has run out already; the one before it goes on.",
    "invalid-token": "The new token is none of ours; the one before it goes on.",
    "too-many-connections": "The new token has as many connections as it may have.",
}
"""What an error frame's `code` may be; codes that a client does not know are to be expected."""


class Welcome(msgspec.Struct, tag="welcome", tag_field="type"):
    """Answers the hello. The durations are the server's: a client goes by them."""

    session: Annotated[str, Meta(description="Names this connection, for questions about it.")]
    expires_at: Annotated[str, Meta(description="When the token ends; RFC 3339, UTC.")]
    ping_interval_ms: Annotated[int, Meta(gt=0, description="How often a ping comes.")]
    timeout_ms: Annotated[
        int,
        Meta(gt=0, description="Nothing heard for so long: the other side is gone; for both."),
    ]
    max_subscriptions: Annotated[int, Meta(gt=0, description="Of this connection, at a time.")]


class Past(msgspec.Struct):
    """A step that was made before a snapshot."""

    step: Step
    state: State
    at: Moment


class JobError(msgspec.Struct):
    """Why an attempt failed, as everybody may know it."""

    code: str
    message: str
    type: str | None = None
    retryable: bool = False


class Snapshot(msgspec.Struct, tag="snapshot", tag_field="type"):
    """The whole job as it stands: it replaces everything known of it, also a newer state."""

    job: JobId
    epoch: Epoch
    seq: Seq
    revision: Revision
    step: Step
    state: State
    attempt: Annotated[int, Meta(ge=0, description="The last one begun; 0: none yet.")]
    progress: dict[str, Any] | None
    result: Any
    error: JobError | None
    history: Annotated[
        list[Past], Meta(description="Its steps so far, from 1; seen with the snapshot.")
    ]
    traceparent: Traceparent | msgspec.UnsetType = msgspec.UNSET


class Transition(msgspec.Struct, tag="transition", tag_field="type", omit_defaults=True):
    """The job changed its state. `step` is the last one + 1, or something was missed."""

    job: JobId
    epoch: Epoch
    seq: Seq
    revision: Revision
    step: Step
    state: State
    at: Moment
    attempt: Annotated[int, Meta(ge=0)]
    traceparent: Traceparent | msgspec.UnsetType = msgspec.UNSET
    error: Annotated[
        JobError | msgspec.UnsetType, Meta(description="Why it failed, or is tried again.")
    ] = msgspec.UNSET
    result: Annotated[Any, Meta(description="What came out; of a success.")] = msgspec.UNSET


class Progress(msgspec.Struct, tag="progress", tag_field="type"):
    """How far the running attempt is; at most ten a second. `step` is the last one's."""

    job: JobId
    epoch: Epoch
    seq: Seq
    revision: Revision
    step: Step
    progress: Annotated[
        dict[str, Any] | None,
        Meta(description="`{current, total?, percent?, message?, updated_at}`."),
    ]


class Live(msgspec.Struct, tag="live", tag_field="type", omit_defaults=True):
    """What was missed has been told; from now on each event is told as it happens."""

    recovered: Annotated[
        bool, Meta(description="Resumed from the cursor, nothing was skipped; else a new start.")
    ]
    job: JobId | msgspec.UnsetType = msgspec.UNSET
    feed: Literal[True] | msgspec.UnsetType = msgspec.UNSET
    epoch: Epoch | msgspec.UnsetType = msgspec.UNSET  # of a feed: with `seq`, its cursor now
    seq: Seq | msgspec.UnsetType = msgspec.UNSET


class Reset(msgspec.Struct, tag="reset", tag_field="type"):
    """The feed cannot be resumed from the cursor. Its `live` follows: then read the list of jobs.

    What the feed tells from that `live` on comes after it, or is in the list already.
    """

    feed: Literal[True]
    why: Annotated[str, Meta(examples=[loss.value for loss in Loss])]


class Ok(msgspec.Struct, tag="ok", tag_field="type"):
    """The request is done: what it subscribed is live, what it left is silent."""

    id: RequestId


class Error(msgspec.Struct, tag="error", tag_field="type", omit_defaults=True):
    """A request, or a part of it, was refused; the connection lives on."""

    code: Annotated[str, Meta(examples=list(ERROR_CODES))]
    detail: Annotated[str, Meta(description="What is wrong and what to do, for people.")]
    id: int | str | None = None
    job: Annotated[
        str | None, Meta(description="Which of the subscriptions; a hello has no id to tell by.")
    ] = None
    feed: Annotated[bool, Meta(description="It is about the subscription of the feed.")] = False


class Ping(msgspec.Struct, tag="ping", tag_field="type"):
    """Answer with a pong; any other message does as well."""


class AuthExpiring(msgspec.Struct, tag="auth_expiring", tag_field="type"):
    """The token runs out: send an `auth` with a new one."""

    in_seconds: Annotated[int, Meta(ge=0)]


class Drain(msgspec.Struct, tag="drain", tag_field="type"):
    """This server goes away: connect again, resume there, and then leave this connection."""

    after_ms: Annotated[
        tuple[Millis, Millis], Meta(description="Wait for a random time between these two first.")
    ]
    grace_ms: Annotated[int, Meta(ge=0, description="For so long this connection is kept.")]


SERVER_FRAMES: Final[tuple[type[msgspec.Struct], ...]] = (
    Welcome, Snapshot, Transition, Progress, Live, Reset, Ok, Error, Ping, AuthExpiring, Drain,
)  # fmt: skip
