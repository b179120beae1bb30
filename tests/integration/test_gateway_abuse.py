"""What no honest client sends, against a real gateway: refused or harmless, never a 5xx.

Slow and numerous clients are in test_front_bounds.py and tests/faults/test_hostile_clients.py.
"""

import json
import socket
from collections.abc import AsyncIterator, Iterator
from typing import Any

import httpx
import pytest

from shared.runtime.front import HEAD_BYTES
from tests.fakes.gateway import DEV
from tests.integration.gateway_running import RunningGateway, gateway_for
from tests.nodes import Rabbit, Redis

SECONDS = 5.0
WHO = b"Host: x\r\nAuthorization: " + DEV.encode() + b"\r\n"
CHUNKED = b"Transfer-Encoding: chunked\r\n"
EMPTY = b"0\r\n\r\n"
SMUGGLED = b"GET /live HTTP/1.1\r\nHost: x\r\n\r\n"


def post(headers: bytes, body: bytes = b"", version: bytes = b"HTTP/1.1") -> bytes:
    return b"POST /v1/jobs " + version + b"\r\n" + WHO + headers + b"\r\n" + body


# Two readers of one of these may see different ends of the request: so there is no request.
AMBIGUOUS = {
    "a length and chunks": post(b"Content-Length: 4\r\n" + CHUNKED, EMPTY),
    "chunks and a length": post(CHUNKED + b"Content-Length: 4\r\n", EMPTY),
    "two lengths": post(b"Content-Length: 0\r\nContent-Length: 35\r\n"),
    "one length twice": post(b"Content-Length: 0\r\nContent-Length: 0\r\n"),
    "a list of lengths": post(b"Content-Length: 0, 0\r\n"),
    "a length with a sign": post(b"Content-Length: +0\r\n"),
    "a negative length": post(b"Content-Length: -1\r\n"),
    "a hexadecimal length": post(b"Content-Length: 0x0\r\n"),
    "a length beyond any": post(b"Content-Length: 99999999999999999999999\r\n"),
    "an empty length": post(b"Content-Length: \r\n"),
    "a space before the colon": post(b"Transfer-Encoding : chunked\r\n", EMPTY),
    "an encoding nobody knows": post(b"Transfer-Encoding: xchunked\r\n", EMPTY),
    "chunks that are not last": post(b"Transfer-Encoding: chunked, identity\r\n", EMPTY),
    "chunks twice": post(CHUNKED * 2, EMPTY),
    "a vertical tab": post(b"Transfer-Encoding:\x0bchunked\r\n", EMPTY),
    "bare line feeds": post(b"Content-Length: 0\r\n").replace(b"\r\n", b"\n"),
    "a bare carriage return": post(b"X: a\rContent-Length: 35\r\n"),
    "a folded header": post(b"X: a\r\n Content-Length: 35\r\n"),
    "a nul": post(b"X: a\x00b\r\nContent-Length: 0\r\n"),
    "a space in a name": post(b"Content Length: 35\r\n"),
    "a chunk's size with a sign": post(CHUNKED, b"+0\r\n\r\n"),
    "a chunk's size in C": post(CHUNKED, b"0x0\r\n\r\n"),
    "a chunk's size beyond any": post(CHUNKED, b"ffffffffffffffff1\r\n\r\n"),
    "chunks with line feeds": post(CHUNKED, b"0\n\n"),
    "a line feed in an extension": post(CHUNKED, b"0;x=\n\r\n\r\n"),
    "a chunk longer than it says": post(CHUNKED, b"1\r\nab0\r\n\r\n"),
    "a version that is not": post(b"Content-Length: 0\r\n", version=b"HTTP/1.2"),
    "no host": b"GET /live HTTP/1.1\r\n\r\n",
    "two hosts": b"GET /live HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n",
    "no version": b"GET /live\r\n",
    "http/2": b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    "a tunnel": b"CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n",
}


@pytest.fixture(scope="module")
def gateway(
    rabbitmq: Rabbit, redis_node: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("gateway")
    with gateway_for("test-gateway-abuse", rabbitmq, redis_node, folder) as running:
        yield running


@pytest.fixture
async def http(gateway: RunningGateway) -> AsyncIterator[httpx.AsyncClient]:
    async with gateway.client() as client:
        yield client


@pytest.fixture
def calls(gateway: RunningGateway) -> dict[str, set[str]]:
    """Every path of the API with the methods it has."""
    told: dict[str, dict[str, Any]] = gateway.get("/openapi.json").json()["paths"]
    nothing = "01938c5e-0000-7000-8000-000000000001"
    return {
        path.replace("{job}", nothing).replace("{", "").replace("}", ""): {m.upper() for m in how}
        for path, how in told.items()
    }


def speak(port: int, said: bytes) -> bytes:
    """Send it and return all that is answered until the gateway hangs up."""
    with socket.create_connection(("127.0.0.1", port), timeout=SECONDS) as connection:
        connection.sendall(said)
        return connection.makefile("rb").read()


@pytest.mark.parametrize("said", AMBIGUOUS.values(), ids=AMBIGUOUS.keys())
def test_what_can_be_read_in_two_ways_is_read_in_none(gateway: RunningGateway, said: bytes) -> None:
    head, _, body = speak(gateway.port, said + SMUGGLED).partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 400 ")
    assert b"connection: close" in head
    assert json.loads(body)["code"] == "bad-request"  # and nothing after it


def test_headers_larger_than_their_bound_are_431(gateway: RunningGateway) -> None:
    told = speak(gateway.port, post(b"X: " + b"x" * HEAD_BYTES))

    assert told.startswith(b"HTTP/1.1 431 ")
    assert json.loads(told.partition(b"\r\n\r\n")[2])["code"] == "headers-too-large"


async def test_a_query_of_any_size_and_shape_is_refused_as_any_other(
    http: httpx.AsyncClient,
) -> None:
    large = "a" * (HEAD_BYTES - 2048)
    many = "&".join(f"a{n}=1" for n in range(6000))
    told = [
        await http.get(f"/v1/jobs?{query}")
        for query in (f"cursor={large}", f"limit={large}", f"label.{large}=1", many, "%00=%ff")
    ]

    assert {answer.status_code for answer in told} <= {400, 422}
    assert all(len(answer.content) < 2 * HEAD_BYTES for answer in told)


@pytest.mark.parametrize(
    "path",
    [
        *(
            "/v1/../live",
            "/v1/jobs/%2e%2e/%2e%2e/live",
            "//evil/v1/jobs",
            "/v1/jobs/%00",
            "/V1/jobs",
        ),
        *("/v1/jobs/%zz", "/v1/jobs/%ff", "/v1/jobs/..%2f..%2flive", "/v1/jobs/", "/v1/jobs/a/b/c"),
    ],
)
def test_a_path_that_tries_to_lead_elsewhere_leads_nowhere(
    gateway: RunningGateway, path: str
) -> None:
    get = f"GET {path} HTTP/1.1\r\nConnection: close\r\n".encode()
    head, _, body = speak(gateway.port, get + WHO + b"\r\n").partition(b"\r\n\r\n")

    assert head.startswith(b"HTTP/1.1 404 ")
    assert json.loads(body)["code"] in {"not-found", "job-not-found"}


async def test_every_path_answers_the_methods_it_does_not_have_with_those_it_has(
    http: httpx.AsyncClient, calls: dict[str, set[str]]
) -> None:
    for path, methods in calls.items():
        for method in {"OPTIONS", "TRACE", "PUT", "PATCH", "DELETE", "PROPFIND"} - methods:
            answer = await http.request(method, path)
            allowed = set(answer.headers.get("allow", "").split(", "))

            assert (answer.status_code, answer.json()["code"]) == (405, "method-not-allowed"), path
            assert allowed == methods | ({"HEAD"} if "GET" in methods else set()), path


async def test_head_is_get_without_its_body(
    http: httpx.AsyncClient, calls: dict[str, set[str]]
) -> None:
    varying = {"date", "x-request-id", "content-length", "ratelimit"}
    for path in (path for path, methods in calls.items() if "GET" in methods):
        got, head = await http.get(path), await http.head(path)
        kept = [
            {name: text for name, text in answer.headers.items() if name not in varying}
            for answer in (got, head)
        ]

        assert (head.status_code, head.content) == (got.status_code, b""), path
        assert kept[0] == kept[1], path
