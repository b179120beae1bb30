"""One stalled client among a thousand: what the others lose by it, and what it may cost.

`python -m tests.bench.stalled [--rounds N] [--seconds S] [--json FILE]`. Rounds with and without
it in turn, on one real notifier; without it, a client that reads follows the same jobs. Exit
status 1 when the others' p99 is worse by a fifth, or the notifier grows by more than 8 MiB.
"""

import argparse
import asyncio
import json
import socket
import statistics
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from tests.bench.stream import report
from tests.bench.stream_stand import TENANT, Jobs, Server, Stand, hello, stand
from tests.bench.watchers import HANDSHAKE, Watchers, frame_of, raise_open_files
from tests.notifier_process import token_for

JOBS: Final = 100
WATCHERS: Final = 1_000
EVENTS_PER_SECOND: Final = 800  # 8 of each job, so that none is thinned out: 8,000 deliveries
WORSE: Final = 1.2
SLACK_MS: Final = 1.0  # a fifth of 3 ms is less than the machine's own noise
GROWTH_KIB: Final = 8 * 1024
SMALL_BUFFER: Final = 4096


@contextmanager
def follower_of_all(
    server: Server, jobs: Jobs, crowd: Watchers | None, seconds: float
) -> Iterator[None]:
    """One more client that follows every job: in a crowd that reads, or one that never will."""
    wanted = [{"job": job} for job in jobs.ids]
    said = {"type": "hello", "version": 1, "subscriptions": wanted}
    said["token"] = token_for(jobs.ids, tenant=TENANT, ttl=3600)
    if crowd is not None:
        crowd.open(server.url, [json.dumps(said)])
        crowd.start(do="until", frames=10**9, seconds=seconds)
        yield
        crowd.answer()
        return
    where = urlsplit(server.url)
    with socket.socket() as plug:
        plug.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL_BUFFER)
        plug.connect((where.hostname, where.port))
        plug.sendall(HANDSHAKE.format(path=where.path, key="AAAAAAAAAAAAAAAAAAAAAA==").encode())
        plug.recv(SMALL_BUFFER)
        plug.sendall(frame_of(json.dumps(said).encode()))
        yield


async def compare(here: Stand, rounds: int, seconds: float) -> dict[str, Any]:
    """Return the others' p99 of each round (ms) and how much the notifier grew (KiB)."""
    jobs, server = Jobs(here.redis.url, JOBS), here.waymark()
    await jobs.submit()
    await jobs.start()
    others = here.watchers()
    hellos = [hello(jobs.ids[number % JOBS]) for number in range(WATCHERS)]
    await asyncio.to_thread(others.open, server.url, hellos)
    found: dict[str, list[float]] = {"reading": [], "stalled": []}
    grown: list[float] = []
    live = 0.0
    for number in range(2 * rounds + 2):
        which = ("reading", "stalled")[number % 2]
        crowd = here.watchers() if which == "reading" else None
        with follower_of_all(server, jobs, crowd, seconds + 1):
            others.count("progress")
            others.start(do="until", frames=10**9, seconds=seconds + 1)
            before = server.rss_kib
            await report(jobs, EVENTS_PER_SECOND, seconds)
            told = await asyncio.to_thread(others.answer)
            if number >= 2:  # the first two warm up
                found[which].append(told["p99"])
            live = told["live"]
            if which == "stalled":
                grown.append(server.rss_kib - before)
        if crowd is not None:
            crowd.end()
    others.end()
    await jobs.close()
    return {**found, "grown_kib": max(grown), "live": live}


def judge(found: dict[str, Any]) -> list[str]:
    """Return what is not as it must be."""
    wrong = []
    reading, stalled = (statistics.median(found[which]) for which in ("reading", "stalled"))
    if stalled > reading * WORSE and stalled - reading > SLACK_MS:
        wrong.append(f"the others' p99 went from {reading} to {stalled} ms")
    if found["grown_kib"] > GROWTH_KIB:
        wrong.append(f"the notifier grew by {found['grown_kib']:.0f} KiB")
    if found["live"] != WATCHERS:
        wrong.append(f"{WATCHERS - found['live']} of the others lost their connection")
    return wrong


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--rounds", type=int, default=4)
    parser.add_argument("--seconds", type=float, default=3.0)
    parser.add_argument("--json", type=Path)
    told = parser.parse_args()
    raise_open_files()
    with tempfile.TemporaryDirectory(prefix="waymark-bench-") as folder, stand(Path(folder)) as it:
        found = asyncio.run(compare(it, told.rounds, told.seconds))
    wrong = judge(found)
    print(json.dumps(found), *wrong, sep="\n")
    if told.json:
        told.json.parent.mkdir(parents=True, exist_ok=True)
        told.json.write_text(json.dumps(found))
    sys.exit(bool(wrong))


if __name__ == "__main__":
    main()
