"""Servers as they are met on the internet: good ones, rude ones, and ones that never end."""

import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

Respond = Callable[[BaseHTTPRequestHandler, int], None]
"""Answers a request; the number says which one of the receiver's it is, from 1."""


@dataclass(frozen=True)
class Heard:
    """One request as it came in."""

    method: str
    path: str
    headers: dict[str, str]
    body: bytes


@dataclass
class Receiver:
    """A web server that remembers what it heard."""

    port: int
    url: str
    heard: list[Heard] = field(default_factory=list)


def says(status: int, body: bytes = b"thanks", **headers: str) -> Respond:
    """Answer always the same."""

    def respond(request: BaseHTTPRequestHandler, number: int) -> None:
        del number
        request.send_response(status)
        for name, value in headers.items():
            request.send_header(name.replace("_", "-"), value)
        request.send_header("Content-Length", str(len(body)))
        request.end_headers()
        request.wfile.write(body)

    return respond


def in_turn(*answers: Respond) -> Respond:
    """Answer one after the other; the last one again and again."""

    def respond(request: BaseHTTPRequestHandler, number: int) -> None:
        answers[min(number, len(answers)) - 1](request, number)

    return respond


def endless(request: BaseHTTPRequestHandler, number: int) -> None:
    """Say 200 and that 10 GB follow, and send them as fast as they are taken."""
    del number
    request.send_response(200)
    request.send_header("Content-Length", str(10 * 2**30))
    request.end_headers()
    chunk = b"x" * 65_536
    for _ in range(10 * 2**30 // len(chunk)):
        request.wfile.write(chunk)


@contextmanager
def receiver(
    respond: Respond | None = None,
    *,
    host: str = "127.0.0.1",
    tls: ssl.SSLContext | None = None,
) -> Iterator[Receiver]:
    """Serve until the context ends; by default a friendly answer."""
    answer = respond or says(200)

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            size = int(self.headers.get("content-length", "0"))
            headers = {name.lower(): value for name, value in self.headers.items()}
            heard = Heard(self.command, self.path, headers, self.rfile.read(size))
            me.heard.append(heard)
            answer(self, len(me.heard))

        def do_GET(self) -> None:
            self.do_POST()

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - its name there
            del format, args

    class Quiet(ThreadingHTTPServer):
        daemon_threads = True

        def handle_error(self, request: object, client_address: object) -> None:
            del request, client_address  # clients that hang up in the middle are the point

    server = Quiet((host, 0), Handler)
    if tls is not None:
        server.socket = tls.wrap_socket(server.socket, server_side=True)
    port = server.server_address[1]
    me = Receiver(port, f"{'https' if tls else 'http'}://{host}:{port}/hook")
    serving = threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True)
    serving.start()
    try:
        yield me
    finally:
        server.shutdown()
        server.server_close()


@contextmanager
def raw_server(serve: Callable[[socket.socket], None]) -> Iterator[int]:
    """Hand each connection to `serve` in a thread of its own; gives the port."""
    listener = socket.create_server(("127.0.0.1", 0))
    over = threading.Event()

    def attend(connection: socket.socket) -> None:
        with connection:
            try:
                serve(connection)
                over.wait(60)
            except OSError:
                return

    def accept() -> None:
        while not over.is_set():
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            threading.Thread(target=attend, args=(connection,), daemon=True).start()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield listener.getsockname()[1]
    finally:
        over.set()
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@dataclass
class Listener:
    """Hangs up on whoever connects; `reached`: at which of its addresses it was."""

    port: int
    reached: list[str] = field(default_factory=list)


@contextmanager
def listener(host: str, port: int = 0) -> Iterator[Listener]:
    """Listen until the context ends; "everywhere" is every address of this machine."""
    if host != "everywhere":
        server = socket.create_server((host, port))
    elif socket.has_dualstack_ipv6():
        server = socket.create_server(("::", port), family=socket.AF_INET6, dualstack_ipv6=True)
    else:
        server = socket.create_server(("", port))
    me = Listener(server.getsockname()[1])

    def accept() -> None:
        while True:
            try:
                connection, _ = server.accept()
            except OSError:
                return
            me.reached.append(connection.getsockname()[0].removeprefix("::ffff:"))
            connection.close()

    threading.Thread(target=accept, daemon=True).start()
    try:
        yield me
    finally:
        server.shutdown(socket.SHUT_RDWR)
        server.close()


def hang(connection: socket.socket) -> None:
    """Take the request and never answer."""
    connection.recv(65_536)


def drip(head: bytes) -> Callable[[socket.socket], None]:
    """Send `head`, then a byte now and then, for ever."""

    def serve(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(head)
        gone = threading.Event()
        while not gone.wait(0.1):
            connection.sendall(b"x")

    return serve
