"""Serving on real ports: a taken one, a signal, and a server inside a running loop."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest
from starlette.applications import Starlette
from starlette.responses import PlainTextResponse
from starlette.routing import Route

from shared.runtime import serving

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
