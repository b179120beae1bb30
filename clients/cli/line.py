"""One connection to the stream: opened, spoken to, listened to. Knows nothing of jobs."""

import json
from typing import Any, Final, Self

from websockets.exceptions import ConnectionClosed, InvalidHandshake, InvalidStatus, InvalidURI
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from clients.cli.closes import Action, action_for
from clients.cli.exits import Exit, Stop, plain
from clients.cli.settings import is_loopback

SUBPROTOCOL: Final = Subprotocol("waymark.v1")
OPEN_SECONDS: Final = 10.0
LARGEST_FRAME: Final = 16 * 1024 * 1024
LONGEST_WAIT: Final = 60.0  # s; whatever a server asks for
_RETRY_STATUS: Final = (408, 429, 502, 503, 504)


class LostError(Exception):
    """The connection ended, or was not had; carries what that asks for."""

    def __init__(
        self, why: str, action: Action, *, code: int | None = None, least_seconds: float = 0.0
    ) -> None:
        """`code` is the server's close code; `least_seconds` to wait are its wish."""
        super().__init__(why)
        self.why = why
        self.action = action
        self.code = code
        self.least_seconds = least_seconds


class Line:
    """Raises LostError wherever the connection ends."""

    def __init__(self, socket: ClientConnection) -> None:
        """See `open`."""
        self._socket = socket

    @classmethod
    def open(cls, url: str) -> Self:
        """Connect.

        Raises:
            LostError: it could not be had.
            Stop: that is no address.
        """
        try:
            socket = connect(
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
        except InvalidStatus as refusal:
            raise _refused(url, refusal) from None
        except (OSError, InvalidHandshake) as fault:  # a TimeoutError is an OSError
            why = f"{url}: {str(fault) or type(fault).__name__}"
            raise LostError(why, Action.BACK_OFF) from None
        return cls(socket)

    def say(self, **members: object) -> None:
        """Send a message."""
        try:
            self._socket.send(json.dumps(members))
        except ConnectionClosed as closed:
            raise _lost_by(closed) from None

    def hear(self, within: float) -> dict[str, Any] | None:
        """Return the next frame; None: none came within so many seconds.

        Raises:
            Stop: what came is no frame.
        """
        try:
            text = self._socket.recv(timeout=within)
        except TimeoutError:
            return None
        except ConnectionClosed as closed:
            raise _lost_by(closed) from None
        try:
            frame = json.loads(text)
        except ValueError:
            frame = None
        if not isinstance(frame, dict):
            raise Stop("the stream does not speak Waymark", Exit.UNREACHABLE)
        return frame

    def close(self) -> None:
        """End it; at most a second passes."""
        self._socket.close()


def _refused(url: str, refusal: InvalidStatus) -> LostError:
    response = refusal.response
    status = response.status_code
    asked = response.headers.get("Retry-After", "")
    return LostError(
        f"{url} answered {status}",
        Action.BACK_OFF if status in _RETRY_STATUS else Action.STOP,
        least_seconds=min(LONGEST_WAIT, float(asked)) if asked.isdecimal() else 0.0,
    )


def _lost_by(closed: ConnectionClosed) -> LostError:
    frame = closed.rcvd
    if frame is None:
        return LostError("the connection broke", Action.BACK_OFF)
    why = plain(f"{frame.reason or 'closed'} ({frame.code})")
    return LostError(why, action_for(frame.code), code=int(frame.code))
