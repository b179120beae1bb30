"""One client's protocol, from its hello to its close. Sans-I/O: time comes with each call.

Everything that happens is a call, everything to be done comes back as effects, in order. After a
`Shut` nothing comes any more.
"""

from collections.abc import Callable, Sequence
from typing import Final

import msgspec

from services.notifier import messages
from services.notifier.closes import Close
from services.notifier.effects import Effect, Send, Shut, say
from services.notifier.follows import Follows
from services.notifier.messages import BadMessageError, RequestId, WrongVersionError
from services.notifier.wire import text_frame
from shared.contracts.errors import ExpiredToken, InvalidToken
from shared.contracts.tokens import Grant
from shared.stream.merge import Event
from shared.stream.place import Place

_PING: Final = text_frame(messages.PING)
_NOTHING: Final[tuple[Effect, ...]] = ()


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What every session is held to; durations in seconds."""

    hello_within: float = 5.0
    ping_every: float = 25.0
    heard_within: float = 35.0
    placed_within: float = 5.0  # a subscribe that waits longer gets `store-unavailable`
    max_subscriptions: int = 200
    max_bad_messages: int = 10


class Admission(msgspec.Struct, frozen=True):
    """What a token allows, and for how many seconds still."""

    grant: Grant
    seconds: float


Admit = Callable[[str], Admission]
"""Verifies a token; raises ExpiredToken or InvalidToken."""


class Session:
    """Feed it what happens; do what it returns; call `tick` no later than `deadline`."""

    def __init__(self, *, name: str, rules: Rules, admit: Admit, now: float) -> None:
        """Wait for the hello from `now` (seconds, monotonic, as in every call) on."""
        self.tenant = ""
        self.open = False  # welcomed, and not shut
        self.shut = False
        self._name = name
        self._rules = rules
        self._admit = admit
        self._follows: Follows | None = None
        self._bad_messages = 0
        self._heard_at = now
        self._ping_at = now + rules.ping_every
        self._ends_at = now + rules.hello_within

    @property
    def jobs(self) -> Sequence[str]:
        """What it follows."""
        return self._follows.jobs if self._follows else ()

    @property
    def deadline(self) -> float:
        """When `tick` must be called at the latest."""
        if self._follows is None:
            return self._ends_at
        silent_at = self._heard_at + self._rules.heard_within
        return min(self._ends_at, self._ping_at, silent_at, self._follows.deadline)

    def heard(self, now: float) -> None:
        """Something arrived, whatever it was."""
        self._heard_at = now

    def received(self, text: str, now: float) -> Sequence[Effect]:
        """A text message arrived."""
        self._heard_at = now
        if self.shut:
            return _NOTHING
        if self._follows is None:
            return self._first(text, now)
        try:
            message = messages.read_later(text)
        except BadMessageError as fault:
            return self._complain(str(fault), messages.id_of(text))
        if isinstance(message, messages.Subscribe):
            return self._follows.subscribe(message.id, message.subscriptions, now)
        if isinstance(message, messages.Unsubscribe):
            return self._follows.unsubscribe(message.id, message.subscriptions)
        return _NOTHING

    def received_binary(self, now: float) -> Sequence[Effect]:
        """A binary message arrived: there is none in this protocol."""
        self._heard_at = now
        if self.shut:
            return _NOTHING
        if not self.open:
            return self._shut(Close.BAD_MESSAGE)
        return self._complain("messages are JSON text", None)

    def happened(self, job: str, event: Event) -> Sequence[Effect]:
        """Something happened to a job it follows; `event.frame` is a WebSocket frame."""
        return self._follows.happened(job, event) if self._follows else ()

    def placed(self, job: str, place: Place | None) -> Sequence[Effect]:
        """The place of a job was read, its frames are WebSocket frames; None: no such job."""
        return self._follows.placed(job, place) if self._follows else ()

    def disturbed(self, job: str) -> Sequence[Effect]:
        """Events of this job may have been lost."""
        return self._follows.disturbed(job) if self._follows else ()

    def tick(self, now: float) -> Sequence[Effect]:
        """Time has passed."""
        if self.shut:
            return _NOTHING
        if now >= self._ends_at:
            return self._shut(Close.TOKEN_EXPIRED if self.open else Close.NO_HELLO)
        if self._follows is None:
            return _NOTHING
        if now >= self._heard_at + self._rules.heard_within:
            return self._shut(Close.NO_PONG)
        effects: list[Effect] = []
        if now >= self._ping_at:
            self._ping_at = now + self._rules.ping_every
            effects.append(Send(_PING))
        if now >= self._follows.deadline:
            effects.extend(self._follows.give_up_waiting(now))
        return effects

    def _first(self, text: str, now: float) -> Sequence[Effect]:
        try:
            hello = messages.read_hello(text)
        except WrongVersionError:
            return self._shut(Close.VERSION)
        except BadMessageError:
            return self._shut(Close.BAD_MESSAGE)
        try:
            admission = self._admit(hello.token)
        except ExpiredToken:
            return self._shut(Close.TOKEN_EXPIRED)
        except InvalidToken:
            return self._shut(Close.BAD_TOKEN)
        grant = admission.grant
        if not (grant.jobs or grant.feed):
            return self._shut(Close.FORBIDDEN)
        self.tenant, self.open = grant.tenant, True
        self._follows = Follows(
            grant,
            at_most=self._rules.max_subscriptions,
            placed_within=self._rules.placed_within,
        )
        self._ends_at = now + admission.seconds
        self._ping_at = now + self._rules.ping_every
        return [self._welcome(grant), *self._follows.subscribe(None, hello.subscriptions, now)]

    def _welcome(self, grant: Grant) -> Effect:
        return say(
            messages.welcome(
                session=self._name,
                expires_at=grant.expires_at,
                ping_interval=self._rules.ping_every,
                timeout=self._rules.heard_within,
                max_subscriptions=self._rules.max_subscriptions,
            )
        )

    def _complain(self, detail: str, request: RequestId | None) -> Sequence[Effect]:
        self._bad_messages += 1
        complaint = say(messages.error("bad-message", detail, request))
        if self._bad_messages >= self._rules.max_bad_messages:
            return (complaint, *self._shut(Close.TOO_MANY_ERRORS))
        return (complaint,)

    def _shut(self, code: Close) -> Sequence[Effect]:
        self.open, self.shut = False, True
        return (Shut(code),)
