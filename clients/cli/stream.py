"""Follows one job over the stream: connects, resumes where it was, gives up only with reason."""

import json
import random
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from clients.cli.api import Access
from clients.cli.closes import STATE_INVALIDATED, TOKEN_EXPIRED, Action, action_for, back_off
from clients.cli.exits import Exit, Stop, plain
from clients.cli.follow import JobView, Verdict
from clients.cli.settings import is_loopback

VERSION: Final = 1
SUBPROTOCOL: Final = Subprotocol("waymark.v1")
OPEN_SECONDS: Final = 10.0
SILENCE_SECONDS: Final = 35.0  # until the server's welcome says otherwise
PATIENCE_SECONDS: Final = 60.0  # without any connection
STORE_UNAVAILABLE: Final = "store-unavailable"  # passes by itself
JOB_NOT_FOUND: Final = "job-not-found"  # may pass, for a job that was there
LARGEST_FRAME: Final = 16 * 1024 * 1024
_RETRY_STATUS: Final = (408, 429, 502, 503, 504)


@dataclass(frozen=True, slots=True)
class Changed:
    """The view has changed."""


@dataclass(frozen=True, slots=True)
class Away:
    """The connection is gone; the next try comes in `seconds`."""

    why: str
    seconds: float


News = Changed | Away


class _LostError(Exception):
    """The connection ended; carries what that asks for."""

    def __init__(self, why: str, action: Action) -> None:
        super().__init__(why)
        self.why = why
        self.action = action


class Stream:
    """The stream of one job; `renew` gets a fresh access when the token has expired."""

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
        self._drain_after: tuple[int, int] | None = None
        self._expired = False
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
                yield from self._one_connection()
            except _LostError as lost:
                away = self._after(lost)
                yield away
                self._pause(away.seconds)

    def _after(self, lost: _LostError) -> Away:
        if lost.action is Action.STOP:
            raise Stop(f"the stream was refused: {lost.why}", Exit.UNREACHABLE)
        if time.monotonic() - self._heard_at > self._patience:
            raise Stop(f"the stream cannot be reached: {lost.why}", Exit.UNREACHABLE)
        # "At once" holds once: a server that lets nobody stay must not be hammered.
        at_once = lost.action is Action.RESUME and self._attempt == 0
        self._attempt += 1
        return Away(lost.why, self._drain_delay() if at_once else back_off(self._attempt))

    def _drain_delay(self) -> float:
        first, last = self._drain_after or (0, 0)
        self._drain_after = None
        return random.uniform(first, max(first, last)) / 1000  # noqa: S311 - no secret

    def _one_connection(self) -> Iterator[News]:
        if self._expired:
            self._refresh()
        with self._open() as socket:
            try:
                yield from self._converse(socket)
            except ConnectionClosed as closed:
                raise self._lost_by(closed) from None
            except TimeoutError:
                raise _LostError("nothing heard from the server", Action.BACK_OFF) from None

    def _refresh(self) -> None:
        try:
            self._access = self._renew()
        except Stop as fault:
            raise _LostError(fault.text, Action.BACK_OFF) from None
        self._expired = False

    def _open(self) -> ClientConnection:
        url = self._access.stream_url
        try:
            return connect(
                url,
                subprotocols=[SUBPROTOCOL],
                compression=None,
                proxy=None if is_loopback(url) else True,
                open_timeout=OPEN_SECONDS,
                ping_interval=None,  # the protocol has its own
                close_timeout=1,
                max_size=LARGEST_FRAME,
                legacy=True,
            )
        except InvalidURI as fault:
            raise Stop(f"WAYMARK_STREAM_URL is no stream: {fault}", Exit.USAGE) from None
        except InvalidStatus as fault:
            status = fault.response.status_code
            action = Action.BACK_OFF if status in _RETRY_STATUS else Action.STOP
            raise _LostError(f"{url} answered {status}", action) from None
        except (OSError, InvalidHandshake) as fault:  # a TimeoutError is an OSError
            raise _LostError(
                f"{url}: {str(fault) or type(fault).__name__}", Action.BACK_OFF
            ) from None

    def _converse(self, socket: ClientConnection) -> Iterator[News]:
        self._asked_again = False
        self._say(
            socket,
            type="hello",
            version=VERSION,
            token=self._access.token,
            subscriptions=[self._view.subscription()],
        )
        while not self._view.final:
            frame = self._next_frame(socket)
            self._heard_at = time.monotonic()
            if frame.get("type") not in {"snapshot", "transition", "progress"}:
                self._control(socket, frame)
            elif frame.get("job") == self._view.job and self._took(socket, frame):
                self._attempt = 0
                yield Changed()
            if self._drain_after is not None:
                raise _LostError("the server goes away", Action.RESUME)

    def _next_frame(self, socket: ClientConnection) -> dict[str, Any]:
        text = socket.recv(timeout=self._silence)
        try:
            frame = json.loads(text)
        except ValueError:
            frame = None
        if not isinstance(frame, dict):
            raise Stop("the stream does not speak Waymark", Exit.UNREACHABLE)
        return frame

    def _took(self, socket: ClientConnection, frame: dict[str, Any]) -> bool:
        verdict = self._view.take(frame)
        if verdict is Verdict.RESUBSCRIBE and not self._asked_again:
            self._asked_again = True
            self._request(socket, type="subscribe", subscriptions=[self._view.subscription()])
        return verdict is Verdict.APPLIED

    def _control(self, socket: ClientConnection, frame: dict[str, Any]) -> None:
        match frame.get("type"):
            case "ping":
                self._say(socket, type="pong")
            case "welcome":
                self._silence = frame["timeout_ms"] / 1000
            case "live":
                self._asked_again = False
                self._attempt = 0
                self._missing_since = 0.0
            case "auth_expiring":
                self._refresh()
                self._request(socket, type="auth", token=self._access.token)
            case "drain":
                first, last = frame["after_ms"]
                self._drain_after = (first, last)
            case "error":
                self._refused(frame)
            case _:  # what later servers may say
                pass

    def _refused(self, frame: dict[str, Any]) -> None:
        text = plain(f"{frame.get('detail')} ({frame.get('code')})")
        if frame.get("code") == STORE_UNAVAILABLE or self._may_come_back(frame):
            raise _LostError(text, Action.BACK_OFF)
        raise Stop(f"the stream refused: {text}", Exit.UNREACHABLE)

    def _may_come_back(self, refusal: dict[str, Any]) -> bool:
        # A store that was wiped learns of a job again from its message or its worker.
        if refusal.get("code") != JOB_NOT_FOUND or self._view.step == 0:
            return False
        self._missing_since = self._missing_since or time.monotonic()
        return time.monotonic() - self._missing_since < self._patience

    def _request(self, socket: ClientConnection, **members: object) -> None:
        self._requests += 1
        self._say(socket, id=self._requests, **members)

    def _say(self, socket: ClientConnection, **members: object) -> None:
        socket.send(json.dumps(members))

    def _lost_by(self, closed: ConnectionClosed) -> _LostError:
        frame = closed.rcvd
        if frame is None:
            return _LostError("the connection broke", Action.BACK_OFF)
        self._expired = frame.code == TOKEN_EXPIRED
        if frame.code == STATE_INVALIDATED:
            self._view.forget_place()
        return _LostError(
            plain(f"{frame.reason or 'closed'} ({frame.code})"), action_for(frame.code)
        )
