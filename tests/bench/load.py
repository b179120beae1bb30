"""A closed loop of HTTP clients on bare sockets: each sends its next request when answered.

`python -m tests.bench.load <port> <clients> <seconds> <plan.json>` prints one line of JSON. It runs
in a process of its own; what it costs stands in its answer, because it shares the machine.

A plan is `{"head", "body", "keyed", "jobs"}`: the head without its last line, the body as it
goes out, whether each request bears an Idempotency-Key of its own, and how many jobs it asks for.
"""

import json
import resource
import select
import socket
import sys
import time
import uuid
from pathlib import Path
from typing import Final

GIVE_UP_SECONDS: Final = 10.0  # for the answers that are still out when time is up
_LENGTH: Final = b"content-length: "


class Client:
    """One connection; `wants` is how many bytes of the answer are still to come."""

    __slots__ = ("seen", "sent_at", "socket", "status", "wants")

    def __init__(self, port: int) -> None:
        self.socket = socket.create_connection(("127.0.0.1", port))
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.seen = b""
        self.wants = -1
        self.status = 0
        self.sent_at = 0.0

    def ask(self, request: bytes, now: float) -> None:
        """Send a request whole."""
        self.seen, self.wants, self.sent_at = b"", -1, now
        self.socket.sendall(request)

    def hear(self) -> bool:
        """Take what has come; say whether the answer is complete."""
        part = self.socket.recv(1 << 20)
        if not part:
            raise ConnectionResetError("the server hung up")
        if self.wants >= 0:
            self.wants -= len(part)
            return self.wants == 0
        self.seen += part
        end = self.seen.find(b"\r\n\r\n")
        if end < 0:
            return False
        at = self.seen.lower().find(_LENGTH, 0, end) + len(_LENGTH)
        length = int(self.seen[at : self.seen.index(b"\r", at)])
        self.status = int(self.seen[9:12])
        self.wants = end + 4 + length - len(self.seen)
        return self.wants == 0


class Requests:
    """The bytes of one request after the other."""

    def __init__(self, plan: dict[str, str | bool]) -> None:
        body = str(plan["body"]).encode()
        self._head = f"{plan['head']}\r\ncontent-length: {len(body)}\r\n".encode()
        self._tail = b"\r\n" + body
        self._keyed = bool(plan["keyed"])
        self._run = uuid.uuid4().hex[:12]
        self._count = 0

    def next(self) -> bytes:
        """Return the next one."""
        if not self._keyed:
            return self._head + self._tail
        self._count += 1
        key = f"idempotency-key: {self._run}-{self._count}\r\n".encode()
        return self._head + key + self._tail


class Tally:
    """What came back."""

    def __init__(self) -> None:
        self.waits: list[float] = []
        self.refused: dict[int, int] = {}

    def note(self, client: Client, now: float) -> None:
        """Count one answer."""
        if client.status in {200, 202}:
            self.waits.append(now - client.sent_at)
        else:
            self.refused[client.status] = self.refused.get(client.status, 0) + 1

    def in_ms(self, share: float) -> float:
        """Return a quantile of the waits."""
        ordered = sorted(self.waits)
        return round(ordered[int(share * (len(ordered) - 1))] * 1000, 2) if ordered else 0.0


def drive(
    port: int, clients: int, seconds: float, plan: dict[str, str | bool]
) -> dict[str, object]:
    """Ask for `seconds`, wait for the last answers, and return what it came to."""
    requests, tally = Requests(plan), Tally()
    crowd = [Client(port) for _ in range(clients)]
    by_descriptor = {client.socket.fileno(): client for client in crowd}
    poll = select.epoll()
    for descriptor in by_descriptor:
        poll.register(descriptor, select.EPOLLIN)
    started = now = time.perf_counter()
    for client in crowd:
        client.ask(requests.next(), now)
    out, ends = clients, started + seconds
    while out and now < ends + GIVE_UP_SECONDS:
        for descriptor, _ in poll.poll(1.0):
            client = by_descriptor[descriptor]
            if not client.hear():
                continue
            now = time.perf_counter()
            tally.note(client, now)
            if now < ends:
                client.ask(requests.next(), now)
            else:
                out -= 1
        now = time.perf_counter()
    took = now - started
    used = resource.getrusage(resource.RUSAGE_SELF)
    return {
        "answers": len(tally.waits),
        "unanswered": out,
        "refused": tally.refused,
        "seconds": round(took, 3),
        "per_second": round(len(tally.waits) / took, 1),
        "p50_ms": tally.in_ms(0.5),
        "p99_ms": tally.in_ms(0.99),
        "cpu_seconds": round(used.ru_utime + used.ru_stime, 3),
    }


def main() -> None:
    port, clients, seconds, plan = sys.argv[1:5]
    told = json.loads(Path(plan).read_text())
    print(json.dumps(drive(int(port), int(clients), float(seconds), told)))


if __name__ == "__main__":
    main()
