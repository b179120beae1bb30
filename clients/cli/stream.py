"""Follows one job over the stream: connects, resumes where it was, gives up only with reason."""

import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from clients.cli.api import Access
from clients.cli.closes import BAD_TOKEN, STATE_INVALIDATED, TOKEN_EXPIRED, Action, back_off
from clients.cli.exits import Exit, Stop, plain
from clients.cli.follow import JobView, Verdict
from clients.cli.line import Line, LostError

VERSION: Final = 1
SILENCE_SECONDS: Final = 35.0  # until the server's welcome says otherwise
PATIENCE_SECONDS: Final = 60.0  # without any connection
STORE_UNAVAILABLE: Final = "store-unavailable"  # passes by itself
JOB_NOT_FOUND: Final = "job-not-found"  # may pass, for a job that was there


@dataclass(frozen=True, slots=True)
class Changed:
    """The view has changed."""


@dataclass(frozen=True, slots=True)
class Away:
    """The connection is gone; the next try comes in `seconds`."""

    why: str
    seconds: float


News = Changed | Away


class Stream:
    """The stream of one job; `renew` gets a fresh access when the token runs out."""

    def __init__(
        self,
        view: JobView,
        access: Access,
        *,
        renew: Callable[[], Access],
        pause: Callable[[float], None] = time.sleep,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        """Describe it; nothing is opened yet."""
        self._view = view
        self._access = access
        self._renew = renew
        self._pause = pause
        self._patience = patience
        self._silence = SILENCE_SECONDS
        self._silent_at = 0.0
        self._move_at: float | None = None  # when to go to another server; this one goes away
        self._moves = 0
        self._old: Line | None = None  # that was moved away from
        self._expired = False  # the token: a new one is needed before the next hello
        self._expiring = False  # the token: a new one is to be shown
        self._renewed = False  # after a token that the server did not take
        self._renewals: set[object] = set()  # the ids of requests that show a new one
        self._asked_again = False
        self._requests = 0
        self._attempt = 0
        self._heard_at = 0.0
        self._missing_since = 0.0  # 0: it is there

    def news(self) -> Iterator[News]:
        """Yield what happens until the job has ended.

        Raises:
            Stop: the server says that trying again cannot help, or it was away for too long.
        """
        self._heard_at = time.monotonic()
        while not self._view.final:
            try:
                yield from self._until_lost()
            except LostError as lost:
                away = self._after(lost)
                yield away
                self._pause(away.seconds)

    def _after(self, lost: LostError) -> Away:
        self._move_at, self._moves = None, 0
        if lost.code == STATE_INVALIDATED:
            self._view.forget_place()
        self._expired = self._expired or lost.code == TOKEN_EXPIRED
        action = lost.action
        if lost.code == BAD_TOKEN and not self._renewed:
            # The secret may have been changed since: a new token tells.
            self._expired = self._renewed = True
            action = Action.BACK_OFF
        if action is Action.STOP:
            raise Stop(f"the stream was refused: {lost.why}", Exit.UNREACHABLE)
        if time.monotonic() - self._heard_at > self._patience:
            raise Stop(f"the stream cannot be reached: {lost.why}", Exit.UNREACHABLE)
        # "At once" holds once: a server that lets nobody stay must not be hammered.
        at_once = action is Action.RESUME and self._attempt == 0
        self._attempt += 1
        seconds = 0.0 if at_once else back_off(self._attempt)
        return Away(lost.why, max(seconds, lost.least_seconds))

    def _until_lost(self) -> Iterator[News]:
        line = self._connect()
        try:
            while True:
                yield from self._listen(line)
                if self._view.final:
                    return
                line = self._move(line)
        finally:
            line.close()
            self._leave_old()

    def _connect(self) -> Line:
        if self._expired:
            self._refresh()
        line = Line.open(self._access.stream_url)
        try:
            line.say(
                type="hello",
                version=VERSION,
                token=self._access.token,
                subscriptions=[self._view.subscription()],
            )
        except LostError:
            line.close()
            raise
        self._asked_again = self._expiring = False
        self._silent_at = time.monotonic() + self._silence
        return line

    def _refresh(self) -> None:
        try:
            self._access = self._renew()
        except Stop as fault:
            raise LostError(fault.text, Action.BACK_OFF) from None
        self._expired = False

    def _move(self, line: Line) -> Line:
        """Make before break: the old connection is left when the job is live on the new one."""
        try:
            fresh = self._connect()
        except LostError:
            # The old one still tells; another try before it is closed.
            self._moves += 1
            self._move_at = time.monotonic() + back_off(self._moves)
            return line
        self._move_at, self._moves = None, 0
        self._leave_old()
        self._old = line
        return fresh

    def _leave_old(self) -> None:
        if self._old is not None:
            self._old.close()
            self._old = None

    def _listen(self, line: Line) -> Iterator[News]:
        """Hear out one connection, until the job has ended or it is time to move."""
        while not self._view.final:
            now = time.monotonic()
            if self._move_at is not None and now >= self._move_at:
                return
            until = min(self._silent_at, self._move_at or self._silent_at)
            frame = line.hear(max(0.0, until - now))
            if frame is None:
                if time.monotonic() >= self._silent_at:
                    raise LostError("nothing heard from the server", Action.BACK_OFF)
                continue
            self._heard_at = time.monotonic()
            if frame.get("type") not in {"snapshot", "transition", "progress"}:
                self._control(line, frame)
            elif frame.get("job") == self._view.job and self._took(line, frame):
                self._attempt = 0
                yield Changed()
            self._silent_at = self._heard_at + self._silence

    def _took(self, line: Line, frame: dict[str, Any]) -> bool:
        verdict = self._view.take(frame)
        if verdict is Verdict.RESUBSCRIBE and not self._asked_again:
            self._asked_again = True
            self._request(line, type="subscribe", subscriptions=[self._view.subscription()])
        return verdict is Verdict.APPLIED

    def _control(self, line: Line, frame: dict[str, Any]) -> None:
        match frame.get("type"):
            case "ping":
                line.say(type="pong")
                if self._expiring:
                    self._show_new_token(line)
            case "welcome":
                self._silence = frame["timeout_ms"] / 1000
            case "live":
                self._asked_again = self._renewed = False
                self._attempt = 0
                self._missing_since = 0.0
                self._leave_old()
            case "auth_expiring":
                self._show_new_token(line)
            case "drain":
                first, last = frame["after_ms"]
                wait = random.uniform(first, max(first, last)) / 1000  # noqa: S311 - no secret
                self._move_at = time.monotonic() + wait
            case "error":
                self._refused(frame)
            case _:  # what later servers may say
                pass

    def _show_new_token(self, line: Line) -> None:
        self._expiring = False
        try:
            self._access = self._renew()
        except Stop:
            self._expiring = True  # there is some time left: again at the next ping
            return
        self._renewals.add(self._request(line, type="auth", token=self._access.token))

    def _refused(self, frame: dict[str, Any]) -> None:
        if frame.get("id") in self._renewals:
            self._expired = True  # the old token goes on to its end; then there must be another
            return
        text = plain(f"{frame.get('detail')} ({frame.get('code')})")
        if frame.get("code") == STORE_UNAVAILABLE or self._may_come_back(frame):
            raise LostError(text, Action.BACK_OFF)
        raise Stop(f"the stream refused: {text}", Exit.UNREACHABLE)

    def _may_come_back(self, refusal: dict[str, Any]) -> bool:
        # A store that was wiped learns of a job again from its message or its worker.
        if refusal.get("code") != JOB_NOT_FOUND or self._view.step == 0:
            return False
        self._missing_since = self._missing_since or time.monotonic()
        return time.monotonic() - self._missing_since < self._patience

    def _request(self, line: Line, **members: object) -> int:
        self._requests += 1
        line.say(id=self._requests, **members)
        return self._requests
