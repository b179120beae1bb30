"""Serving on real ports: a taken one, a signal, and a server inside a running loop."""

import asyncio
import json
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from shared.runtime import front, serving

PROGRAM = """
import contextlib
import sys
from starlette.applications import Starlette
from shared.runtime import serving

@contextlib.asynccontextmanager
async def lifespan(app):
    print("up", flush=True)
    yield
    print("down", flush=True)

serving.serve(Starlette(lifespan=lifespan), host="127.0.0.1", port=int(sys.argv[1]),
              port_setting="WAYMARK_GATEWAY_PORT")
"""


@pytest.fixture
def taken() -> Iterator[int]:
    """A port that somebody else listens on."""
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


def test_a_taken_port_is_one_clear_line_and_status_1(taken: int) -> None:
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM, str(taken)],
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )

    assert done.returncode == 1
    assert done.stderr.count("\n") == 1
    assert f"127.0.0.1:{taken}" in done.stderr
    assert "WAYMARK_GATEWAY_PORT" in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_stops_it_cleanly_with_status_0(unused_tcp_port: int, number: int) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", PROGRAM, str(unused_tcp_port)], stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(number)
        assert process.stdout.readline() == "down\n"

    assert process.returncode == 0


@pytest.fixture
def served_port(unused_tcp_port: int) -> Iterator[int]:
    """An app without routes in a process of its own."""
    command = [sys.executable, "-c", PROGRAM, str(unused_tcp_port)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        yield unused_tcp_port
        process.terminate()


def speak(port: int, *parts: bytes) -> tuple[bytes, bytes]:
    """Send the parts, return the head and the body of the answer; the server hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=5) as connection:
        for part in parts:
            connection.sendall(part)
        head, _, body = connection.makefile("rb").read().partition(b"\r\n\r\n")
    return head, body


@pytest.mark.parametrize(
    "nonsense",
    [b"FOO / HTTP/1.1\r\n\r\n", b"GET /\xff HTTP/1.1\r\n\r\n", b"\x16\x03\x01\x02\x00\r\n\r\n"],
)
def test_what_is_no_http_is_refused_with_a_problem(served_port: int, nonsense: bytes) -> None:
    head, body = speak(served_port, nonsense)

    problem = json.loads(body)
    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"content-type: application/problem+json" in head
    assert (problem["status"], problem["code"], problem["errors"]) == (400, "bad-request", [])
    assert f"x-request-id: {problem['request_id']}".encode() in head


def test_a_head_has_a_bound(served_port: int) -> None:
    head, body = speak(
        served_port, b"GET / HTTP/1.1\r\nHost: x\r\nCookie: ", b"x" * front.HEAD_BYTES
    )

    assert head.startswith(b"HTTP/1.1 431 ")
    assert json.loads(body)["code"] == "headers-too-large"


async def test_a_body_is_not_part_of_the_head() -> None:
    async def measure(request: Request) -> PlainTextResponse:
        return PlainTextResponse(str(len(await request.body())))

    listener = serving.listen("127.0.0.1", 0, port_setting="X")
    url = f"http://127.0.0.1:{listener.getsockname()[1]}/"
    app = Starlette(routes=[Route("/", measure, methods=["POST"])])
    served = serving.Served(app, listener)
    await served.start()
    async with httpx.AsyncClient() as client:
        answer = await client.post(url, content=b"x" * 2 * front.HEAD_BYTES)

    assert answer.text == str(2 * front.HEAD_BYTES)
    await served.stop()


class Impatient(front.Front):
    head_seconds = 0.2


@pytest.mark.parametrize("begun", [b"", b"GET / HTTP/1.1\r\nHost: x\r\n"])
async def test_a_head_that_does_not_end_is_not_waited_for(begun: bytes) -> None:
    listener = serving.listen("127.0.0.1", 0, port_setting="X")
    served = serving.Served(Starlette(), listener, http=Impatient)
    await served.start()
    reader, writer = await asyncio.open_connection(*listener.getsockname())
    writer.write(begun)

    assert await asyncio.wait_for(reader.read(), 5) == b""
    writer.close()
    await served.stop()


async def test_an_app_can_be_served_inside_a_running_loop_and_leaves_signals_alone() -> None:
    async def hello(_request: object) -> PlainTextResponse:
        return PlainTextResponse("hello")

    before = signal.getsignal(signal.SIGTERM)
    listener = serving.listen("127.0.0.1", 0, port_setting="X")
    port = listener.getsockname()[1]
    served = serving.Served(Starlette(routes=[Route("/", hello)]), listener)
    await served.start()
    async with httpx.AsyncClient() as client:
        answer = await client.get(f"http://127.0.0.1:{port}/")

    assert answer.text == "hello"
    assert "server" not in answer.headers
    assert signal.getsignal(signal.SIGTERM) is before
    await served.stop()
    async with httpx.AsyncClient() as client:
        with pytest.raises(httpx.ConnectError):
            await client.get(f"http://127.0.0.1:{port}/")
