"""One client's protocol, from its hello to its close. Sans-I/O: time comes with each call.

Everything that happens is a call, everything to be done comes back as effects, in order. After a
`Shut` nothing comes any more.
"""

from collections.abc import Collection, Sequence
from typing import Final

from services.notifier import messages
from services.notifier.bucket import Bucket
from services.notifier.closes import Close
from services.notifier.crowd import Seat
from services.notifier.effects import Effect, Send, Shut, say
from services.notifier.follows import Follows
from services.notifier.messages import BadMessageError, Later, RequestId, WrongVersionError
from services.notifier.rules import Admit, Rules
from services.notifier.tenure import Tenure
from services.notifier.wire import text_frame
from shared.contracts.errors import ExpiredToken, InvalidToken, RevokedToken
from shared.contracts.tokens import Grant
from shared.stream.feed_place import Chapter
from shared.stream.merge import Event, Verdict
from shared.stream.place import Place

_PING: Final = text_frame(messages.PING)
_NOTHING: Final[tuple[Effect, ...]] = ()
_OLD_ONE_GOES_ON: Final = "The token before it goes on."


class Session:
    """Feed it what happens; do what it returns; call `tick` no later than `deadline`."""

    __slots__ = (
        "_admit", "_allowance", "_bad_messages", "_follows", "_grant", "_name", "_parting",
        "_resumes", "_rules", "_seat", "_tenure", "open", "shut",
    )  # fmt: skip

    def __init__(
        self,
        *,
        name: str,
        rules: Rules,
        admit: Admit,
        now: float,
        seat: Seat | None = None,
        age: float = 1.0,
    ) -> None:
        """Wait for the hello from `now` (seconds, monotonic, as in every call) on.

        `seat` counts it among the connections; `age`: how much of the highest age it may reach.
        """
        self.open = False  # welcomed, and not shut
        self.shut = False
        self._name = name
        self._rules = rules
        self._admit = admit
        self._seat = seat
        self._grant: Grant | None = None
        self._follows: Follows | None = None
        self._parting = b""  # what tells the client that the server goes away
        self._bad_messages = 0
        self._resumes: Bucket | None = None
        self._tenure = Tenure(rules, now=now, age=age)
        self._allowance = Bucket(rate=rules.messages_per_second, burst=rules.message_burst, now=now)

    @property
    def tenant(self) -> str:
        """Whose it is, once it is welcomed."""
        return self._grant.tenant if self._grant else ""

    @property
    def follows(self) -> Collection[str]:
        """What it follows: ids of jobs, and FEED."""
        return self._follows.names if self._follows else ()

    @property
    def deadline(self) -> float:
        """When `tick` must be called at the latest."""
        at = self._tenure.deadline(following=self._following)
        return at if self._follows is None else min(at, self._follows.deadline)

    @property
    def _following(self) -> bool:
        return self._follows is not None and not self._follows.idle

    def heard(self, now: float) -> None:
        """Something arrived, whatever it was."""
        self._tenure.heard(now)

    def controlled(self, now: float) -> Sequence[Effect]:
        """A ping or pong of WebSocket's own arrived."""
        self._tenure.heard(now)
        if self.shut or self._allowance.take(now):
            return _NOTHING
        return self._shut(Close.RATE_LIMITED)

    def received(self, text: str, now: float) -> Sequence[Effect]:
        """A text message arrived."""
        self._tenure.heard(now)
        if self.shut:
            return _NOTHING
        if not self._allowance.take(now):
            return self._shut(Close.RATE_LIMITED)
        if self._follows is None:
            return self._first(text, now)
        try:
            message = messages.read_later(text)
        except BadMessageError as fault:
            return self._complain(str(fault), messages.id_of(text))
        if not self._follows.idle:
            self._tenure.followed(now)
        return self._later(message, self._follows, now)

    def received_binary(self, now: float) -> Sequence[Effect]:
        """A binary message arrived: there is none in this protocol."""
        self._tenure.heard(now)
        if self.shut:
            return _NOTHING
        if not self.open:
            return self._shut(Close.BAD_MESSAGE)
        return self._complain("messages are JSON text", None)

    def hears(self, job: str, event: Event) -> Verdict:
        """Something happened to a job: APPLY, write its frame; RESYNC, as with `disturbed`."""
        follows = self._follows
        return Verdict.DROP if follows is None else follows.hears(job, event)

    def placed(self, job: str, place: Place | None) -> Sequence[Effect]:
        """The place of a job was read, its frames are WebSocket frames; None: no such job."""
        return self._follows.placed(job, place) if self._follows else ()

    def caught_up(self, chapter: Chapter) -> Sequence[Effect]:
        """What it has missed of the feed was read; its frames are WebSocket frames."""
        return self._follows.caught_up(chapter) if self._follows else ()

    def put_off(self, job: str, now: float) -> None:
        """Its place was read, but this client is too slow to take it: it will be read again."""
        if self._follows is not None:
            self._follows.put_off(job, now)

    def disturbed(self, job: str) -> Sequence[Effect]:
        """Events of this job, or of the FEED, may have been lost."""
        return self._follows.disturbed(job) if self._follows else ()

    def revoked(self, keys: Collection[str]) -> Sequence[Effect]:
        """API keys with these ids were revoked, and with them what they have minted."""
        if self._grant is None or self.shut or self._grant.key not in keys:
            return _NOTHING
        return self._shut(Close.REVOKED)

    def drain(self, notice: bytes, *, leave_by: float) -> Sequence[Effect]:
        """The server goes away: hand on the frame that says so, stay until `leave_by`."""
        if self.shut or self._parting:
            return _NOTHING
        self._parting = notice
        self._tenure.leave_by(leave_by)
        return (Send(notice),) if self.open else _NOTHING

    def leave(self) -> None:
        """The connection is gone, or about to be: count it out; once."""
        if self._seat is not None:
            self._seat.leave()

    def tick(self, now: float) -> Sequence[Effect]:
        """Time has passed."""
        if self.shut:
            return _NOTHING
        if self._following:
            self._tenure.followed(now)
        if (why := self._tenure.over(now, following=self._following)) is not None:
            return self._shut(why)
        if self._follows is None:
            return _NOTHING
        effects: list[Effect] = []
        if self._tenure.wants_ping(now):
            effects.append(Send(_PING))
        if (seconds := self._tenure.warns(now)) is not None:
            effects.append(say(messages.auth_expiring(seconds)))
        if now >= self._follows.deadline:
            effects.extend(self._follows.give_up_waiting(now))
        return effects

    def _first(self, text: str, now: float) -> Sequence[Effect]:
        try:
            hello = messages.read_hello(text)
        except WrongVersionError:
            return self._shut(Close.VERSION)
        except BadMessageError as fault:
            return self._shut(Close.BAD_MESSAGE, str(fault))
        try:
            admission = self._admit(hello.token)
        except RevokedToken:
            return self._shut(Close.REVOKED)
        except ExpiredToken:
            return self._shut(Close.TOKEN_EXPIRED)
        except InvalidToken:
            return self._shut(Close.BAD_TOKEN)
        grant = admission.grant
        if not (grant.jobs or grant.feed):
            return self._shut(Close.FORBIDDEN)
        if self._seat is not None and not self._seat.take(grant):
            return self._shut(Close.TOO_MANY_CONNECTIONS)
        self._grant, self.open = grant, True
        self._follows = Follows(
            grant,
            at_most=self._rules.max_subscriptions,
            placed_within=self._rules.placed_within,
        )
        self._tenure.admitted(admission.seconds, now)
        effects = [self._welcome(grant)]
        if self._parting:
            effects.append(Send(self._parting))
        return [*effects, *self._follows.subscribe(None, hello.subscriptions, now)]

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

    def _later(self, message: Later, follows: Follows, now: float) -> Sequence[Effect]:
        if isinstance(message, messages.Subscribe):
            if not self._may_resume(message, follows, now):
                return self._shut(Close.STATE_INVALIDATED)
            return follows.subscribe(message.id, message.subscriptions, now)
        if isinstance(message, messages.Unsubscribe):
            return follows.unsubscribe(message.id, message.subscriptions)
        if isinstance(message, messages.Auth):
            return self._renew(message, follows, now)
        return _NOTHING

    def _may_resume(self, message: messages.Subscribe, follows: Follows, now: float) -> bool:
        again = [it for it in message.subscriptions if it.epoch is not None and follows.has(it)]
        if again and self._resumes is None:
            most = self._rules.max_subscriptions
            self._resumes = Bucket(
                rate=most / self._rules.resumes_seconds,
                burst=most + self._rules.more_resumes,
                now=now,
            )
        return all(self._resumes is None or self._resumes.take(now) for _ in again)

    def _renew(self, auth: messages.Auth, follows: Follows, now: float) -> Sequence[Effect]:
        try:
            admission = self._admit(auth.token)
        except RevokedToken:
            return self._shut(Close.REVOKED)
        except InvalidToken as fault:
            detail = f"{fault.detail} {_OLD_ONE_GOES_ON}"
            return (say(messages.error(fault.code, detail, auth.id)),)
        grant = admission.grant
        if grant.tenant != self.tenant or not (grant.jobs or grant.feed):
            detail = f"The token is another tenant's, or allows nothing. {_OLD_ONE_GOES_ON}"
            return (say(messages.error("forbidden", detail, auth.id)),)
        if self._seat is not None and not self._seat.take(grant):
            detail = f"Too many connections have this token. {_OLD_ONE_GOES_ON}"
            return (say(messages.error("too-many-connections", detail, auth.id)),)
        self._grant = grant
        self._tenure.admitted(admission.seconds, now)
        return [*follows.regrant(grant), say(messages.ok(auth.id))]

    def _complain(self, detail: str, request: RequestId | None) -> Sequence[Effect]:
        self._bad_messages += 1
        complaint = say(messages.error("bad-message", detail, request))
        if self._bad_messages >= self._rules.max_bad_messages:
            return (complaint, *self._shut(Close.TOO_MANY_ERRORS))
        return (complaint,)

    def _shut(self, code: Close, detail: str = "") -> Sequence[Effect]:
        self.open, self.shut = False, True
        return (Shut(code, detail),)
