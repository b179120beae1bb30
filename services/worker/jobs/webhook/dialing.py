"""Connections to strangers: names resolved once, each address checked, then dialled and no other.

Whoever owns a name may answer each question about it differently: what is checked must be what is
connected to. So nothing below this module ever sees the name but TLS and the Host header.
"""

import queue
import socket
import ssl
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from ipaddress import ip_address
from typing import Any, Final

import httpcore

from shared.contracts.webhooks.addresses import Address
from shared.contracts.webhooks.targets import Target, TargetRules

RESOLVE_SECONDS: Final = 3.0
CONNECT_SECONDS: Final = 3.0  # for all addresses together
MOST_READ: Final = 256 * 2**10  # bytes off the wire, the head included; only 1 KiB is ever kept
_MOST_DIALLED: Final = 4  # of the addresses of one name

Resolve = Callable[[str, int], Sequence[Address]]
"""Returns every address of a name; raises OSError, and may take its time."""

SocketOptions = Iterable[
    tuple[int, int, int] | tuple[int, int, bytes | bytearray] | tuple[int, int, None, int]
]


class Unresolved(Exception):
    """The name has no address, or nobody said so in time."""


class Budget:
    """How much time is left of `seconds`, counted from its making."""

    def __init__(self, seconds: float) -> None:
        """Start the clock."""
        self._until = time.monotonic() + seconds

    def left(self, most: float | None = None) -> float:
        """Return the seconds left, at most `most`, never negative."""
        left = max(0.0, self._until - time.monotonic())
        return left if most is None else min(left, most)

    def shorten(self, seconds: float) -> None:
        """Leave at most `seconds` from now on."""
        self._until = min(self._until, time.monotonic() + seconds)


def ask_dns(host: str, port: int) -> Sequence[Address]:
    """Return what the system's resolver says, best first."""
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    return list(dict.fromkeys(ip_address(address[0]) for *_, address in found))


def checked_addresses(
    target: Target, rules: TargetRules, resolve: Resolve, budget: Budget
) -> Sequence[Address]:
    """Return the addresses a target may be dialled at: all that it has.

    Raises:
        TargetRefused: one of them must not be reached.
        Unresolved: it has none.
    """
    if target.address is not None:
        return [target.address]  # checked with its URL
    addresses = _within(budget.left(RESOLVE_SECONDS), resolve, target)
    if not addresses:
        raise Unresolved("the name has no address")
    rules.check_addresses(target, addresses)
    return addresses


class CheckedBackend(httpcore.NetworkBackend):
    """Dials the addresses it was given, whatever name is asked for."""

    def __init__(self, addresses: Sequence[Address], budget: Budget) -> None:
        """Keep both; everything on its connections ends with the budget."""
        self._addresses = addresses[:_MOST_DIALLED]
        self._budget = budget
        self._plain = httpcore.SyncBackend()
        self.dialled: Address | None = None

    def connect_tcp(
        self,
        host: str,  # noqa: ARG002 - who is called is decided
        port: int,
        timeout: float | None = None,  # noqa: ARG002 - the budget's
        local_address: str | None = None,  # noqa: ARG002
        socket_options: SocketOptions | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        """Connect to the first address that answers."""
        connecting = Budget(self._budget.left(CONNECT_SECONDS))
        fault: Exception = httpcore.ConnectTimeout("no time was left to connect")
        for number, address in enumerate(self._addresses):
            share = connecting.left() / (len(self._addresses) - number)
            if share <= 0:
                break
            try:
                stream = self._plain.connect_tcp(str(address), port, timeout=share)
            except (httpcore.ConnectError, httpcore.ConnectTimeout) as refused:
                fault = refused
                continue
            self.dialled = address
            return _BoundedStream(stream, self._budget)
        raise fault


class _BoundedStream(httpcore.NetworkStream):
    """A connection with an end: of time, so that dripping does not help, and of bytes."""

    def __init__(self, inner: httpcore.NetworkStream, budget: Budget) -> None:
        self._inner = inner
        self._budget = budget
        self._read = 0

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:  # noqa: ARG002
        left = self._budget.left()
        if left <= 0:
            raise httpcore.ReadTimeout("the time for the whole delivery is over")
        if self._read >= MOST_READ:
            raise httpcore.ReadError("it says too much")
        data = self._inner.read(max_bytes, timeout=left)
        self._read += len(data)
        return data

    def write(self, buffer: bytes, timeout: float | None = None) -> None:  # noqa: ARG002
        left = self._budget.left()
        if left <= 0:
            raise httpcore.WriteTimeout("the time for the whole delivery is over")
        self._inner.write(buffer, timeout=left)

    def close(self) -> None:
        self._inner.close()

    def start_tls(
        self,
        ssl_context: ssl.SSLContext,
        server_hostname: str | None = None,
        timeout: float | None = None,  # noqa: ARG002
    ) -> httpcore.NetworkStream:
        left = self._budget.left()
        if left <= 0:
            raise httpcore.ConnectTimeout("no time was left to connect")
        inner = self._inner.start_tls(ssl_context, server_hostname, timeout=left)
        return _BoundedStream(inner, self._budget)

    def get_extra_info(self, info: str) -> Any:  # noqa: ANN401 - httpcore's own
        return self._inner.get_extra_info(info)


def _within(seconds: float, resolve: Resolve, target: Target) -> Sequence[Address]:
    # A resolver knows no deadline of ours; one that hangs is left behind with its thread.
    answers: queue.SimpleQueue[Sequence[Address] | Exception] = queue.SimpleQueue()

    def ask() -> None:
        try:
            answers.put(resolve(target.host, target.port))
        except (OSError, ValueError) as fault:
            answers.put(fault)

    threading.Thread(target=ask, name="resolver", daemon=True).start()
    try:
        answer = answers.get(timeout=seconds)
    except queue.Empty:
        raise Unresolved("nobody could tell its address in time") from None
    if isinstance(answer, Exception):
        raise Unresolved(str(answer)) from answer
    return answer
