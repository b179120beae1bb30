"""A worker that delivers webhooks, with a resolver that a test controls."""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from shared.contracts.job import JobRecord
from tests.integration.webhook_receivers import Listener, listener
from tests.integration.worker_running import House

SECRET = "a house secret of more than thirty-two characters"
RESOLVER = """
import json, socket

asked, real, names = {}, socket.getaddrinfo, json.loads(NAMES)

def getaddrinfo(host, port, *rest, **facts):
    if host not in names:
        return real(host, port, *rest, **facts)
    asked[host] = asked.get(host, -1) + 1
    answers = names[host][asked[host] % len(names[host])]
    return [found for one in answers for found in real(one, port, type=socket.SOCK_STREAM)]

socket.getaddrinfo = getaddrinfo
"""

Names = Mapping[str, Sequence[Sequence[str]]]
"""Host names, each with the answers that a process gets about it in turn."""


@dataclass
class Post:
    """A worker that delivers, and a port where only 127.0.0.2 may be reached."""

    house: House
    everywhere: Listener

    def deliver(self, url: str, *, max_attempts: int = 1, **more: object) -> str:
        body: dict[str, Any] = {"url": url, "payload": {"n": 1.50, "word": "grün"}, **more}
        return self.house.submit("webhook.deliver", max_attempts=max_attempts, **body)

    def ends(self, *jobs: str, within: float = 30.0) -> list[JobRecord]:
        return [self.house.wait_for(job, lambda record: record.final, within) for job in jobs]


@contextmanager
def post_office(
    folder: Path, *, amqp_url: str, redis_url: str, names: Names | None = None, slots: int = 4
) -> Iterator[Post]:
    """Start a worker that may call this machine by 127.0.0.2, and by 127.0.0.1 in plain http."""
    resolver = RESOLVER.replace("NAMES", repr(json.dumps(names or {})))
    (folder / "sitecustomize.py").write_text(resolver)
    house = House(amqp_url, redis_url, folder)
    before = os.environ.get("PYTHONPATH")
    os.environ["PYTHONPATH"] = str(folder)  # the worker's, which inherits it
    try:
        with listener("everywhere") as everywhere:
            house.start_worker(
                slots=slots,
                webhook_secrets=SECRET,
                webhook_allow="http://127.0.0.1:*,127.0.0.2",
                webhook_ports=f"443,{everywhere.port}",
            )
            yield Post(house, everywhere)
    finally:
        house.close()
        os.environ.pop("PYTHONPATH")
        if before is not None:
            os.environ["PYTHONPATH"] = before
