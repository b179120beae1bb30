"""How long a session may stay, and what it is told before it must go. Pure."""

from typing import Final

from services.notifier.closes import Close
from services.notifier.rules import Rules

_NEVER: Final = float("inf")
_NOTICE_SHARE: Final = 0.5  # of what a token has left, at most: a short one is not renewed at once


class Tenure:
    """Every clock of a session but those of its requests; times in seconds, monotonic."""

    __slots__ = (
        "_aged_at", "_ends_at", "_followed_at", "_heard_at", "_leave_at", "_ping_at", "_rules",
        "_warn_at", "_welcomed",
    )  # fmt: skip

    def __init__(self, rules: Rules, *, now: float, age: float) -> None:
        """Wait for a hello from `now` on; `age`: how much of the highest age it may reach."""
        self._rules = rules
        self._welcomed = False
        self._ends_at = now + rules.hello_within
        self._aged_at = now + rules.max_age * age
        self._heard_at = self._followed_at = now
        self._leave_at = self._warn_at = self._ping_at = _NEVER

    def admitted(self, seconds: float, now: float) -> None:
        """A token was taken that is valid for so long."""
        if not self._welcomed:
            self._welcomed = True
            self._followed_at = now
            self._ping_at = now + self._rules.ping_every
        notice = min(self._rules.token_notice, seconds * _NOTICE_SHARE)
        self._warn_at = now + seconds - notice
        self._ends_at = now + seconds + self._rules.token_grace

    def heard(self, now: float) -> None:
        """The client is there."""
        self._heard_at = now

    def followed(self, now: float) -> None:
        """It follows something now."""
        self._followed_at = now

    def leave_by(self, at: float) -> None:
        """The server goes away."""
        self._leave_at = min(at, self._leave_at)

    def deadline(self, *, following: bool) -> float:
        """Return when there is something to do at the latest."""
        at = min(self._ends_at, self._aged_at, self._leave_at)
        if not self._welcomed:
            return at
        if not following:
            at = min(at, self._followed_at + self._rules.idle_within)
        return min(at, self._ping_at, self._warn_at, self._heard_at + self._rules.heard_within)

    def over(self, now: float, *, following: bool) -> Close | None:
        """Return why it must go now."""
        if now >= self._leave_at:
            return Close.DRAINING
        if now >= self._ends_at:
            return Close.TOKEN_EXPIRED if self._welcomed else Close.NO_HELLO
        if not self._welcomed:
            return None
        if now >= self._heard_at + self._rules.heard_within:
            return Close.NO_PONG
        if now >= self._aged_at:
            return Close.MAX_AGE
        if not following and now >= self._followed_at + self._rules.idle_within:
            return Close.IDLE
        return None

    def wants_ping(self, now: float) -> bool:
        """Whether a ping is due; it is told once."""
        if now < self._ping_at:
            return False
        self._ping_at = now + self._rules.ping_every
        return True

    def warns(self, now: float) -> int | None:
        """Return for how many seconds the token is still valid, when that must be told; once."""
        if now < self._warn_at:
            return None
        self._warn_at = _NEVER
        return max(0, round(self._ends_at - self._rules.token_grace - now))
