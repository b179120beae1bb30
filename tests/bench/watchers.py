"""Thousands of watchers in one light process: bare sockets and one epoll, no event loop.

Driven over pipes by `Watchers`: a line of JSON in, a line of JSON out. Times are CLOCK_MONOTONIC,
the same in every process of a machine; a progress frame carries when it was sent, in ns.
"""

import base64
import contextlib
import json
import os
import resource
import select
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

from tests.notifier_process import ROOT

HANDSHAKE = (
    "GET {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: {key}\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Protocol: waymark.v1\r\n\r\n"
)
_SENT = b'"sent":'
_READ = 65536
GIVE_UP_SECONDS = 60.0
OPEN_PER_SECOND = 800  # below what the notifier takes by default
AGAIN_SECONDS = 0.2  # a refused one comes again


class Watchers:
    """The process, from outside; each call returns what it measured."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.bench.watchers"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd=ROOT, text=True,
        )  # fmt: skip

    def open(self, url: str, hellos: Sequence[str]) -> dict[str, float]:
        """Connect one after the other, and return when all are live."""
        return self._ask(do="open", url=url, hellos=hellos)

    def count(self, kind: str) -> None:
        """Begin to count the frames of this type anew."""
        self._ask(do="count", kind=kind)

    def until(self, frames: int) -> dict[str, float]:
        """Wait for so many; return how many came, p50, p99 and max (ms), and what it cost (s)."""
        return self._ask(do="until", frames=frames)

    def for_(self, seconds: float) -> dict[str, float]:
        """Count for so long; return as `until` does."""
        return self._ask(do="until", frames=10**9, seconds=seconds)

    def storm(self) -> dict[str, float]:
        """Lose all connections at once, come back at once, and return when all are live (ms)."""
        return self._ask(do="storm")

    def end(self) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout):
            if pipe is not None:
                with contextlib.suppress(OSError):
                    pipe.close()

    def start(self, **order: object) -> None:
        """Give an order; `answer` waits for it."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(order) + "\n")
        self._process.stdin.flush()

    def answer(self) -> dict[str, float]:
        assert self._process.stdout is not None
        line = self._process.stdout.readline()
        assert line, "the watchers are gone"
        told: dict[str, float] = json.loads(line)
        return told

    def _ask(self, **order: object) -> dict[str, float]:
        self.start(**order)
        return self.answer()


class _Socket:
    """One watcher."""

    __slots__ = ("buffer", "hello", "live_at", "plug", "seen", "upgraded")

    def __init__(self, hello: str) -> None:
        self.hello = hello
        self.plug: socket.socket
        self.buffer = b""
        self.upgraded = False
        self.live_at = 0
        self.seen = b""  # the last frame that says where it is


class _Crowd:
    """All of them, in the process."""

    def __init__(self) -> None:
        self._poll = select.epoll()
        self._by_fd: dict[int, _Socket] = {}
        self._all: list[_Socket] = []
        self._again: list[tuple[float, _Socket]] = []
        self._where: tuple[str, int] = ("", 0)
        self._path = ""
        self._live = 0
        self._kind = b'"transition"'
        self._frames = 0
        self._late: list[int] = []
        self.refused = 0

    def open(self, url: str, hellos: Sequence[str]) -> dict[str, float]:
        host, _, rest = url.removeprefix("ws://").partition(":")
        port, _, path = rest.partition("/")
        self._where, self._path = (host, int(port)), f"/{path}"
        began, opened = time.monotonic(), 0
        self._all = [_Socket(hello) for hello in hellos]
        while self._live < len(self._all):
            while opened < min(len(self._all), (time.monotonic() - began) * OPEN_PER_SECOND):
                self._connect(self._all[opened])
                opened += 1
            self._pump(0.005)
            _patient(began)
        return {"seconds": time.monotonic() - began}

    def count(self, kind: str) -> None:
        self._kind, self._frames, self._late = f'"{kind}"'.encode(), 0, []

    def until(self, frames: int, seconds: float = GIVE_UP_SECONDS) -> dict[str, float]:
        before, ends = _spent(), time.monotonic() + seconds
        while self._frames < frames and time.monotonic() < ends:
            self._pump(min(0.05, max(0.0, ends - time.monotonic())))
        told = {"frames": self._frames, "live": self._live, "cpu": _spent() - before}
        return told | _spread(self._late)

    def storm(self) -> dict[str, float]:
        for one in self._all:
            one.hello = _resuming(one)
        before = time.monotonic_ns()
        for one in self._all:
            self._drop(one)
        for one in self._all:
            self._connect(one)
        while self._live < len(self._all):
            self._pump(0.05)
            _patient(before / 1e9)
        took = [one.live_at - before for one in self._all]
        return _spread(took) | {"refused": self.refused}

    def _connect(self, one: _Socket) -> None:
        one.plug = socket.socket()
        one.plug.setblocking(False)
        one.plug.connect_ex(self._where)
        one.buffer, one.upgraded, one.live_at = b"", False, 0
        self._by_fd[one.plug.fileno()] = one
        self._poll.register(one.plug, select.EPOLLOUT)

    def _drop(self, one: _Socket) -> None:
        self._by_fd.pop(one.plug.fileno(), None)
        self._live -= bool(one.live_at)
        one.live_at = 0
        # With SO_LINGER 0 a close is a reset: the server learns of it at once.
        one.plug.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
        one.plug.close()

    def _pump(self, timeout: float) -> None:
        now = time.monotonic()
        while self._again and self._again[0][0] <= now:
            self._connect(self._again.pop(0)[1])
        for fd, event in self._poll.poll(timeout):
            one = self._by_fd.get(fd)
            if one is None:
                continue
            if event & select.EPOLLOUT:
                key = base64.b64encode(os.urandom(16)).decode()
                try:
                    one.plug.send(HANDSHAKE.format(path=self._path, key=key).encode())
                except OSError:
                    self._come_again(one)
                    continue
                self._poll.modify(fd, select.EPOLLIN)
            else:
                self._read(one)

    def _read(self, one: _Socket) -> None:
        try:
            data = one.plug.recv(_READ)
        except OSError:
            data = b""
        if not data:
            self._come_again(one)
            return
        at = time.monotonic_ns()
        one.buffer += data
        if not one.upgraded:
            head, found, rest = one.buffer.partition(b"\r\n\r\n")
            if not found:
                return
            if b" 101 " not in head[:16]:
                self._come_again(one)
                return
            one.upgraded, one.buffer = True, rest
            one.plug.send(frame_of(one.hello.encode()))
        self._take_frames(one, at)

    def _come_again(self, one: _Socket) -> None:
        self.refused += 1
        self._drop(one)
        self._again.append((time.monotonic() + AGAIN_SECONDS, one))

    def _take_frames(self, one: _Socket, at: int) -> None:
        buffer, start, have = one.buffer, 0, len(one.buffer)
        while have - start >= 2:
            size, head = buffer[start + 1], 2
            if size >= 126:
                wide = 2 if size == 126 else 8
                head += wide
                size = int.from_bytes(buffer[start + 2 : start + head], "big")
            end = start + head + size
            if have < end:
                break
            self._take(one, buffer[start + head : end], at)
            start = end
        one.buffer = buffer[start:]

    def _take(self, one: _Socket, body: bytes, at: int) -> None:
        if self._kind in body[:24]:
            self._frames += 1
            place = body.find(_SENT)
            if place >= 0:
                digits = body[place + len(_SENT) :].split(b",", 1)[0].split(b"}", 1)[0]
                self._late.append(at - int(digits))
            one.seen = body
        elif body.startswith(b'{"type":"live"'):
            if not one.live_at:
                one.live_at = at
                self._live += 1
        elif body.startswith(b'{"type":"ping"'):
            one.plug.send(frame_of(b'{"type":"pong"}'))
        elif body.startswith(b'{"type":"snapshot"'):
            one.seen = body


def frame_of(text: bytes) -> bytes:
    """Frame what a client says, masked with zeros."""
    size = len(text)
    head = bytes((0x81, 0x80 | size)) if size < 126 else b"\x81\xfe" + size.to_bytes(2, "big")
    return head + b"\0\0\0\0" + text


def _resuming(one: _Socket) -> str:
    hello: dict[str, Any] = json.loads(one.hello)
    if one.seen:
        seen = json.loads(one.seen)
        cursor = {name: seen[name] for name in ("epoch", "revision", "step") if name in seen}
        hello["subscriptions"] = [{"job": hello["subscriptions"][0]["job"], **cursor}]
    return json.dumps(hello)


def _spread(nanoseconds: Sequence[int]) -> dict[str, float]:
    if not nanoseconds:
        return {}
    ordered = sorted(nanoseconds)
    most = len(ordered) - 1
    return {
        name: round(ordered[round(most * share)] / 1e6, 2)
        for name, share in (("p50", 0.5), ("p99", 0.99), ("p999", 0.999), ("max", 1.0))
    }


def _spent() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def _patient(began: float) -> None:
    if time.monotonic() - began > GIVE_UP_SECONDS:
        raise TimeoutError("they do not all become live")


def raise_open_files() -> None:
    """Let this process open as many files as it is allowed at all."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def main() -> None:
    raise_open_files()
    crowd = _Crowd()
    orders: dict[str, Callable[..., dict[str, float] | None]] = {
        "open": crowd.open, "count": crowd.count, "until": crowd.until, "storm": crowd.storm
    }  # fmt: skip
    for line in sys.stdin:
        order = json.loads(line)
        answer = orders[order.pop("do")](**order)
        print(json.dumps(answer or {}), flush=True)


if __name__ == "__main__":
    main()
