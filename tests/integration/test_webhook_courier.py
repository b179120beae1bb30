"""A webhook on its way over real sockets: to whom it goes, what stops it, and for how long."""

import base64
import hashlib
import hmac
import shutil
import socket
import ssl
import subprocess
import threading
import time
from collections.abc import Callable, Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Any

import pytest

from services.worker.jobs.webhook.courier import Answer, Courier, Unheard, Webhook
from shared.contracts.webhooks.addresses import Address
from shared.contracts.webhooks.signatures import tenant_secrets
from shared.contracts.webhooks.targets import TargetRefused, parse_rules
from tests.integration.webhook_receivers import (
    drip,
    endless,
    hang,
    listener,
    raw_server,
    receiver,
    says,
)

HOUSE = "a house secret of more than thirty-two characters"
SECRETS = tenant_secrets([HOUSE], "acme")
BODY = '{"type":"order.paid","näme":1.50}'.encode()
LOOPBACK = "http://127.0.0.1:*"


def courier(*allow: str, ports: Sequence[int] = (443,), **facts: Any) -> Courier:
    return Courier(rules=parse_rules(allow, ports), secrets=SECRETS, **facts)


def a_webhook(url: str) -> Webhook:
    return Webhook(url=url, event_id="evt_1", body=BODY)


def knows(*addresses: str) -> Callable[[str, int], Sequence[Address]]:
    """A resolver that knows every name."""
    return lambda host, port: [ip_address(one) for one in addresses]


def sent(url: str, *allow: str, **facts: Any) -> Answer:
    return courier(*allow, **facts).send(a_webhook(url))


def test_it_arrives_whole_with_the_headers_of_standard_webhooks() -> None:
    with receiver(says(202, b"noted")) as ours:
        answer = sent(f"{ours.url}?a=b", LOOPBACK, now=lambda: 1_700_000_000.9)

    (heard,) = ours.heard
    assert (answer.status, answer.excerpt) == (202, b"noted")
    assert (heard.method, heard.path, heard.body) == ("POST", "/hook?a=b", BODY)
    assert heard.headers["content-type"] == "application/json"
    assert heard.headers["host"] == f"127.0.0.1:{ours.port}"
    assert heard.headers["webhook-id"] == "evt_1"
    assert heard.headers["webhook-timestamp"] == "1700000000"
    key = base64.b64decode(SECRETS[0].removeprefix("whsec_"))
    mac = hmac.new(key, b"evt_1.1700000000." + heard.body, hashlib.sha256).digest()
    assert heard.headers["webhook-signature"] == f"v1,{base64.b64encode(mac).decode()}"


def test_an_answer_that_never_comes_ends_at_the_total_time() -> None:
    with raw_server(hang) as port:
        took = _seconds_until_unheard(port, total_seconds=0.6)

    assert 0.5 < took < 2.0


@pytest.mark.parametrize("head", [b"", b"HTTP/1.1 200 OK\r\nX: ", b"HTTP/1.1 100 Continue\r\nX: "])
def test_an_answer_that_drips_ends_at_the_total_time_too(head: bytes) -> None:
    with raw_server(drip(head)) as port:
        took = _seconds_until_unheard(port, total_seconds=0.6)

    assert 0.3 < took < 2.0


def test_a_head_without_end_is_not_read_without_end() -> None:
    def flood(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"HTTP/1.1 200 OK\r\nX: ")
        while True:
            connection.sendall(b"x" * 65_536)

    with raw_server(flood) as port:
        took = _seconds_until_unheard(port, total_seconds=10)

    assert took < 5.0


def test_interim_answers_without_end_are_not_read_without_end() -> None:
    def flood(connection: socket.socket) -> None:
        connection.recv(65_536)
        while True:
            connection.sendall(b"HTTP/1.1 103 Early Hints\r\n\r\n" * 1_000)

    with raw_server(flood) as port:
        took = _seconds_until_unheard(port, total_seconds=10)

    assert took < 5.0


def test_of_ten_gigabytes_the_first_kibibyte_is_read() -> None:
    with receiver(endless) as ours:
        answer = sent(ours.url, LOOPBACK)

    assert answer.excerpt == b"x" * 1_024
    assert answer.seconds < 2.0


def test_a_body_that_drips_behind_a_good_status_does_not_undo_the_delivery() -> None:
    with raw_server(drip(b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\nhello")) as port:
        answer = sent(f"http://127.0.0.1:{port}/", LOOPBACK)

    assert answer.status == 200
    assert answer.excerpt.startswith(b"hello")
    assert answer.seconds < 5.0


def test_a_redirect_is_an_answer_and_nobody_follows_it() -> None:
    with receiver() as elsewhere, receiver(says(307, Location=elsewhere.url)) as ours:
        answer = sent(ours.url, LOOPBACK)

    assert answer.status == 307
    assert elsewhere.heard == []


def test_what_is_no_http_is_unheard() -> None:
    def redis(connection: socket.socket) -> None:
        connection.recv(65_536)
        connection.sendall(b"-ERR unknown command 'POST'\r\n")
        connection.shutdown(socket.SHUT_WR)

    with raw_server(redis) as port, pytest.raises(Unheard, match="ProtocolError"):
        sent(f"http://127.0.0.1:{port}/", LOOPBACK)


def test_nobody_there_is_unheard() -> None:
    with pytest.raises(Unheard, match="ConnectError"):
        sent("http://127.0.0.1:1/", LOOPBACK)


def test_a_name_is_resolved_once_and_the_address_that_was_checked_is_dialled() -> None:
    asked: list[str] = []

    def rebinding(host: str, port: int) -> Sequence[Address]:
        del port
        asked.append(host)
        return [ip_address("127.0.0.2" if len(asked) == 1 else "127.0.0.1")]

    with (
        listener("127.0.0.2") as allowed,
        listener("127.0.0.1", allowed.port) as forbidden,
        pytest.raises(Unheard),  # it is no TLS there: that it was dialled is what counts
    ):
        sent(
            f"https://rebind.example:{allowed.port}/",
            "127.0.0.2",
            ports=[allowed.port],
            resolve=rebinding,
        )

    assert asked == ["rebind.example"]
    assert (allowed.reached, forbidden.reached) == (["127.0.0.2"], [])


def test_a_name_with_one_address_that_is_not_public_reaches_nobody() -> None:
    with receiver(host="127.0.0.2") as ours:
        for addresses in (("127.0.0.2", "127.0.0.1"), ("127.0.0.1",), ("::ffff:127.0.0.1",)):
            with pytest.raises(TargetRefused):
                sent(
                    f"https://two.example:{ours.port}/",
                    "127.0.0.2",
                    ports=[ours.port],
                    resolve=knows(*addresses),
                )

    assert ours.heard == []


@pytest.mark.parametrize(
    "address",
    [
        *("127.0.0.1", "10.0.0.1", "169.254.169.254", "100.64.0.1", "0.0.0.0", "224.0.0.1"),
        *("::", "::1", "::ffff:127.0.0.1", "64:ff9b::7f00:1", "2002:7f00:1::", "fd00:ec2::254"),
        *("fe80::1%1", "2001:db8::1", "3fff::1", "5f00::1", "fec0::1"),
    ],
)
def test_a_public_name_for_a_private_address_is_refused_before_a_packet_is_sent(
    address: str,
) -> None:
    with pytest.raises(TargetRefused):
        sent("https://example.com/", resolve=knows(address))


def test_the_system_s_own_resolver_is_checked_too() -> None:
    with pytest.raises(TargetRefused):
        sent("https://localhost.localdomain/", resolve=_hosts_file)


def test_a_name_nobody_knows_is_unheard() -> None:
    def unknown(host: str, port: int) -> Sequence[Address]:
        raise socket.gaierror(-2, f"{host}:{port}: not known")

    for resolve in (unknown, knows()):
        with pytest.raises(Unheard, match="name"):
            sent("https://example.com/", resolve=resolve)


def test_a_resolver_that_hangs_is_left_behind() -> None:
    never = threading.Event()

    def hanging(host: str, port: int) -> Sequence[Address]:
        del host, port
        never.wait(30)
        return []

    started = time.monotonic()
    try:
        with pytest.raises(Unheard, match="in time"):
            sent("https://example.com/", resolve=hanging, total_seconds=0.3)
    finally:
        never.set()

    assert time.monotonic() - started < 2


def test_the_second_address_is_tried_when_the_first_is_dead() -> None:
    with receiver(host="127.0.0.3") as ours:
        answer = sent(
            f"http://twofold.example:{ours.port}/",
            f"http://twofold.example:{ours.port}",
            resolve=knows("127.0.0.4", "127.0.0.3"),
        )

    assert answer.status == 200
    assert answer.address == "127.0.0.3"


def test_tls_is_spoken_with_the_name_that_was_asked_for(tmp_path: Path) -> None:
    theirs, ours = _certificates(tmp_path, "hooks.example")
    seen: list[str | None] = []
    theirs.sni_callback = lambda _socket, name, _context: seen.append(name)
    with receiver(tls=theirs) as server:
        facts: dict[str, Any] = {"ports": [server.port], "resolve": knows("127.0.0.1"), "tls": ours}
        url = "https://{}:" + f"{server.port}/hook"
        answer = sent(url.format("hooks.example"), "127.0.0.1", **facts)
        with pytest.raises(Unheard, match="certificate"):
            sent(url.format("other.example"), "127.0.0.1", **facts)
        with pytest.raises(Unheard, match="certificate"):
            sent(url.format("hooks.example"), "127.0.0.1", **{**facts, "tls": None})

    assert answer.status == 200
    assert seen[0] == "hooks.example"
    assert [heard.headers["host"] for heard in server.heard] == [f"hooks.example:{server.port}"]


def test_a_proxy_in_the_environment_is_not_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    with receiver() as proxy, receiver() as ours:
        for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY"):
            monkeypatch.setenv(name, f"http://127.0.0.1:{proxy.port}")
        sent(ours.url, LOOPBACK)

    assert proxy.heard == []
    assert len(ours.heard) == 1


def _seconds_until_unheard(port: int, *, total_seconds: float) -> float:
    started = time.monotonic()
    with pytest.raises(Unheard):
        sent(f"http://127.0.0.1:{port}/", LOOPBACK, total_seconds=total_seconds)
    return time.monotonic() - started


def _hosts_file(host: str, port: int) -> Sequence[Address]:
    del host
    return [
        ip_address(found[4][0])
        for found in socket.getaddrinfo("localhost", port, type=socket.SOCK_STREAM)
    ]


def _certificates(folder: Path, name: str) -> tuple[ssl.SSLContext, ssl.SSLContext]:
    """A server's context for `name`, and a client's that trusts it and nobody else."""
    if shutil.which("openssl") is None:
        pytest.skip("needs the openssl command to make a certificate")
    key, certificate = folder / "key.pem", folder / "certificate.pem"
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", f"/CN={name}", "-addext", f"subjectAltName=DNS:{name}"]
    command += ["-keyout", str(key), "-out", str(certificate)]
    subprocess.run(command, check=True, capture_output=True, timeout=30)
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(certificate, key)
    return server, ssl.create_default_context(cafile=str(certificate))
