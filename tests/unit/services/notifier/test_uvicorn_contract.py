"""What the notifier's WebSocket class relies on in uvicorn, which is pinned for it."""

import asyncio
from typing import Any, cast

import uvicorn
from uvicorn.server import ServerState

from shared.runtime.front import Front

HEAD = (
    b"GET /v1/stream?x=1 HTTP/1.1\r\nHost: notifier\r\nUpgrade: websocket\r\n"
    b"Connection: keep-alive, Upgrade\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
    b"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Protocol: waymark.v1\r\n"
    b"X-Forwarded-For: 1.2.3.4\r\nX-Forwarded-For: 5.6.7.8\r\n\r\n"
)


class Seen(asyncio.Protocol):
    """Notes how uvicorn calls it."""

    calls: list[object]

    def __init__(self, config: Any, server_state: Any, app_state: Any, _loop: Any = None) -> None:
        Seen.calls = [("made of", app_state, server_state)]

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        Seen.calls.append(("connected", transport))

    def data_received(self, data: bytes) -> None:
        Seen.calls.append(("heard", data))


class Socket:
    """As much of a transport as an upgrade needs."""

    def __init__(self) -> None:
        self.protocol: object = None
        self.written = b""

    def get_extra_info(self, name: str, default: object = None) -> object:
        return {"peername": ("127.0.0.1", 1), "sockname": ("127.0.0.1", 2)}.get(name, default)

    def set_protocol(self, protocol: object) -> None:
        self.protocol = protocol

    def is_closing(self) -> bool:
        return False

    def write(self, data: bytes) -> None:
        self.written += data


async def nothing(scope: Any, receive: Any, send: Any) -> None:
    raise AssertionError


async def test_an_upgrade_hands_over_the_socket_and_then_the_whole_head_at_once() -> None:
    config = uvicorn.Config(nothing, ws=cast("Any", Seen), http=Front, log_config=None)
    config.load()
    state, hub, sock = ServerState(), object(), Socket()
    loop = asyncio.get_running_loop()
    front = Front(config=config, server_state=state, app_state={"hub": hub}, _loop=loop)
    front.connection_made(cast("asyncio.Transport", sock))

    for start in range(0, len(HEAD), 50):
        front.data_received(HEAD[start : start + 50])

    made, connected, heard = Seen.calls
    assert made == ("made of", {"hub": hub}, state)
    assert connected == ("connected", sock)
    _, head = cast("tuple[str, bytes]", heard)
    lines = head.lower().split(b"\r\n")
    assert lines[0] == b"get /v1/stream?x=1 http/1.1"
    assert sorted(lines[1:]) == sorted(HEAD.lower().split(b"\r\n")[1:])
    assert isinstance(sock.protocol, Seen)
    assert sock.written == b""
    assert front not in state.connections, "the notifier's class enters itself"
