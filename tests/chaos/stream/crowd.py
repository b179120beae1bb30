"""All clients of a storm, in a process of their own.

`python -m tests.chaos.stream.crowd REPORT`: on stdin a line of JSON with the clients, then `calm`
(no more mischief) and `finish` (nothing more will happen: end when everything is seen, or at the
deadline). What each saw is written to REPORT.
"""

import asyncio
import json
import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import uvloop

from tests.chaos.stream.client import Client

STILL_SECONDS = 1.0  # after everything is seen: what comes then is once too often


@dataclass
class Crowd:
    """What the process was told, and what it reports."""

    clients: list[dict[str, Any]]
    urls: list[str]
    seed: str
    patience: float  # seconds after `finish`
    dedupes: bool = True


async def follow(crowd: Crowd, report: Path) -> None:
    clients = [
        Client(
            each["name"], each["token"], each["jobs"], crowd.urls,
            seed=f"{crowd.seed}/{each['name']}", dedupes=crowd.dedupes,
        )
        for each in crowd.clients
    ]  # fmt: skip
    over = asyncio.Event()
    orders = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(
        lambda: asyncio.StreamReaderProtocol(orders), sys.stdin
    )
    async with asyncio.TaskGroup() as following:
        for client in clients:
            following.create_task(client.live(over))
        while (order := (await orders.readline()).strip()) != b"finish":
            if not order:
                raise SystemExit("the storm is gone")
            for client in clients:
                client.calm = True
        deadline = time.monotonic() + crowd.patience
        while not all(c.is_done for c in clients) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.1)
        await asyncio.sleep(STILL_SECONDS)
        done = [client.is_done for client in clients]
        over.set()
    report.write_text(  # noqa: ASYNC240 - nothing else is left to do
        json.dumps(
            [
                {
                    "name": client.name,
                    "logs": {job: sight.log for job, sight in client.sights.items()},
                    "breaches": client.breaches,
                    "tally": client.tally,
                    "done": is_done,
                }
                for client, is_done in zip(clients, done, strict=True)
            ]
        )
    )


if __name__ == "__main__":
    told = json.loads(sys.stdin.readline())
    uvloop.run(follow(Crowd(**told), Path(sys.argv[1])))
