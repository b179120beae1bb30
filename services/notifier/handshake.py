"""The opening handshake: a request's head in, the answer's bytes out. Sans-I/O, and soon over.

websockets does it. Nothing of it is kept once the connection is open.
"""

import http
from collections.abc import Callable, Sequence
from typing import cast

import msgspec
from websockets.exceptions import NegotiationError
from websockets.http11 import Request, Response
from websockets.protocol import OPEN
from websockets.server import ServerProtocol
from websockets.typing import Origin, Subprotocol

from services.notifier.door import Refusal
from services.notifier.messages import PATH, SUBPROTOCOL

Origins = Sequence[object]
"""Whose pages may connect: origins, patterns of origins, None for who sends none."""


Knock = Callable[[Sequence[str]], Refusal | None]
"""Asks to be let in, with the X-Forwarded-For headers in their order; returns why not."""


class Answer(msgspec.Struct, frozen=True):
    """What to write, and whether the connection is open after it; if not, it ends."""

    wire: bytes
    status: int
    is_open: bool


def answer(head: bytes, *, origins: Origins, knock: Knock) -> Answer:
    """Answer a request to upgrade; `head` ends with its blank line.

    Nobody but a valid request for the stream may knock.
    """
    protocol = ServerProtocol(
        origins=cast("Sequence[Origin | None]", origins), select_subprotocol=_choose_subprotocol
    )
    protocol.receive_data(head)
    for request in protocol.events_received():
        if isinstance(request, Request):
            response = _respond(protocol, request, knock)
            protocol.send_response(response)
            wire = b"".join(protocol.data_to_send())
            return Answer(wire, response.status_code, protocol.state is OPEN)
    return Answer(b"", http.HTTPStatus.BAD_REQUEST, is_open=False)


def _respond(protocol: ServerProtocol, request: Request, knock: Knock) -> Response:
    if request.path.partition("?")[0] != PATH:
        return protocol.reject(http.HTTPStatus.NOT_FOUND, f"The stream is at {PATH}.\n")
    response = protocol.accept(request)
    if response.status_code != http.HTTPStatus.SWITCHING_PROTOCOLS:
        return response
    refusal = knock(request.headers.get_all("X-Forwarded-For"))
    if refusal is None:
        return response
    response = protocol.reject(refusal.status, f"{refusal.detail}\n")
    response.headers["Retry-After"] = str(refusal.retry_after)
    return response


def _choose_subprotocol(
    _protocol: ServerProtocol, offered: Sequence[Subprotocol]
) -> Subprotocol | None:
    """Speak ours, also with a plain client that names none; never somebody else's.

    Raises:
        NegotiationError: others were offered; the handshake is answered with 400.
    """
    if offered and SUBPROTOCOL not in offered:
        raise NegotiationError(f"the subprotocol is {SUBPROTOCOL}")
    return Subprotocol(SUBPROTOCOL) if offered else None
