"""One client of the stream, written from DESIGN section 6 alone, with bad habits of its own.

It follows its jobs over whatever notifier answers, resumes by cursor, obeys close codes and the
drain, and keeps a watchdog. Its mischief: it vanishes, hangs up, stops reading, moves to another
notifier with both connections open for a while, unsubscribes and comes back.
"""

import asyncio
import json
import random
import time
from collections import Counter
from collections.abc import Sequence
from typing import Any

from tests.chaos.stream.feed_sight import FEED, FeedCheck, FeedSight
from tests.chaos.stream.sight import FINAL, Sight, WireCheck
from tests.websocket_client import WebSocket, open_websocket

MEAN_QUIET_SECONDS = 2.0
SMALL_BUFFER = 4096  # bytes: a client that is soon full
WELCOME_SECONDS = 5.0
OVERLAP_SECONDS = 8.0  # at most, until the new connection is live
LINGER_SECONDS = 1.0  # and then the old one is still there for a while
BACKOFF_SECONDS = (0.1, 2.0)
TICK_SECONDS = 0.1
NO_MORE = range(4000, 4100)
AT_ONCE = range(4200, 4300)
HABITS = {"vanish": 5, "hang up": 2, "stall": 4, "move": 4, "leave a job": 3}


class Line:
    """One connection and what it was told, job by job."""

    def __init__(self, client: "Client", number: int) -> None:
        self.number = number  # a later one is newer
        self.checks: dict[str, WireCheck | FeedCheck] = {}
        self.asked: set[str] = set()  # subscribed again, not yet live
        self.live: set[str] = set()
        self.welcome: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.timeout = 60.0
        self.heard = time.monotonic()
        self.drains = False
        self.moves_at = float("inf")  # told to drain: when to open another
        self.answers: set[int] = set()
        self.stalled_until = 0.0
        self.retired = False
        self.socket: WebSocket
        self._client = client

    def on_text(self, text: bytes) -> None:
        self.heard = time.monotonic()
        self._client.hear(self, json.loads(text))

    @property
    def is_up(self) -> bool:
        return not self.socket.ended.done()


class Client:
    """Follows `jobs` (or FEED alone) until told that it is over; `sights` is what its user saw."""

    def __init__(
        self, name: str, token: str, jobs: Sequence[str], urls: Sequence[str],
        *, seed: str, dedupes: bool = True,
    ) -> None:  # fmt: skip
        self.name = name
        self.sights: dict[str, Sight | FeedSight] = {
            job: FeedSight() if job == FEED else Sight(dedupes=dedupes) for job in jobs
        }
        self.tally: Counter[str] = Counter()
        self.breaches: list[str] = []
        self.calm = False  # no more mischief
        self._token, self._urls, self._dedupes = token, urls, dedupes
        self._rng = random.Random(seed)
        self._line: Line | None = None
        self._old: Line | None = None
        self._believed = dict.fromkeys(jobs, 0)  # job -> the number of the oldest line believed
        self._lines = 0
        self._request = 0
        self._failures = 0
        self._mischief_at = time.monotonic() + self._rng.uniform(0.5, 2 * MEAN_QUIET_SECONDS)
        self._again: dict[str, float] = {}  # job -> when to subscribe it again

    @property
    def is_done(self) -> bool:
        """Whether it is connected, live on every job, and each has ended."""
        line = self._line
        return (
            line is not None
            and line.is_up
            and line.live == set(self.sights)
            and all(sight.state in FINAL for sight in self.sights.values())
        )

    async def live(self, over: asyncio.Event) -> None:
        """Go on through whatever happens until `over`."""
        while not over.is_set():
            line = self._line
            if line is None or not line.is_up:
                await self._come_back(line)
                continue
            await asyncio.wait({line.socket.ended}, timeout=TICK_SECONDS)
            if line.is_up:
                await self._look_after(line)
        for last in (self._line, self._old):
            if last is not None and last.is_up:
                last.socket.vanish()

    # --- connections

    async def _come_back(self, line: Line | None) -> None:
        self._line = None
        code = 1000
        if line is not None:
            code = line.socket.ended.result()
            self.tally[f"closed {code}"] += 1
            if code in NO_MORE:
                self.breaches.append(f"was told to stop: {code} {line.socket.reason}")
            if line.live == set(self.sights):
                self._failures = 0
        if code not in AT_ONCE and code != 1000:
            least, most = BACKOFF_SECONDS
            await asyncio.sleep(self._rng.uniform(0, min(most, least * 2**self._failures)))
        self._failures += 1
        self._line = await self._open()
        if self._line is not None:
            self.tally["connections"] += 1

    async def _open(self) -> Line | None:
        small = SMALL_BUFFER if self._rng.random() < 0.3 else None
        self._lines += 1
        line = Line(self, self._lines)
        url = self._rng.choice(self._urls)
        try:
            line.socket = await open_websocket(url, line.on_text, receive_buffer=small)
        except OSError:
            self.tally["not reached"] += 1
            return None
        # What the cursors say and what is checked must be of the same moment: no await between.
        line.checks = {job: _check(sight) for job, sight in self.sights.items()}
        wanted = [self._wanted(job) for job in self.sights]
        self._say(line, type="hello", version=1, token=self._token, subscriptions=wanted)
        both: set[asyncio.Future[Any]] = {line.welcome, line.socket.ended}
        await asyncio.wait(both, timeout=WELCOME_SECONDS, return_when=asyncio.FIRST_COMPLETED)
        if not line.welcome.done() and line.is_up:
            self.tally["no welcome"] += 1
            line.socket.vanish()
            return None
        return line

    async def _look_after(self, line: Line) -> None:
        now = time.monotonic()
        if line.stalled_until:
            if now < line.stalled_until and not self.calm:
                return
            line.stalled_until, line.heard = 0.0, now
            line.socket.go_on()
        if now > line.heard + line.timeout:
            self.tally["watchdog"] += 1
            line.socket.vanish()
        elif now > line.moves_at:
            line.moves_at = float("inf")
            await self._move(line)
        elif not self.calm and now > self._mischief_at:
            self._mischief_at = now + self._rng.expovariate(1 / MEAN_QUIET_SECONDS)
            await self._misbehave(line)
        for job in [job for job, at in self._again.items() if now > at]:
            del self._again[job]
            self._subscribe(line, job)

    async def _misbehave(self, line: Line) -> None:
        habit = self._rng.choices(list(HABITS), list(HABITS.values()))[0]
        self.tally[habit] += 1
        if habit == "vanish":
            line.socket.vanish()
            await asyncio.sleep(self._rng.uniform(0, 1))
        elif habit == "hang up":
            line.socket.close()
        elif habit == "stall":
            line.stalled_until = time.monotonic() + self._rng.choice((0.3, 1, 3, 6))
            line.socket.stall()
        elif habit == "move":
            await self._move(line)
        else:
            await self._leave_a_job(line)

    async def _move(self, line: Line) -> None:
        """Make before break: both are listened to until the new one is live on every job."""
        self._old = line
        new = await self._open()
        if new is None:
            line.moves_at = time.monotonic() + 0.5 if line.drains else line.moves_at
            return
        self.tally["connections"] += 1
        self._line = new
        deadline = time.monotonic() + OVERLAP_SECONDS
        while new.is_up and new.live != set(self.sights) and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(TICK_SECONDS / 4)
        if new.is_up:
            await asyncio.sleep(self._rng.uniform(0, LINGER_SECONDS))
        # Should the new one have died: what it made us ignore of the old one, the next brings.
        line.retired = True
        line.socket.close()
        asyncio.get_running_loop().call_later(1.0, line.socket.vanish)

    async def _leave_a_job(self, line: Line) -> None:
        job = self._rng.choice(list(self.sights))
        if job not in line.live:
            return
        request = self._say(line, type="unsubscribe", subscriptions=[self._named(job)])
        deadline = time.monotonic() + 3
        while line.is_up and request not in line.answers and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(TICK_SECONDS / 4)
        if line.is_up and request in line.answers:
            line.live.discard(job)
            await asyncio.sleep(self._rng.uniform(0, 0.5))
            self._subscribe(line, job)

    def _subscribe(self, line: Line, job: str) -> None:
        line.live.discard(job)
        line.checks[job] = _check(self.sights[job])
        line.checks[job].believes = False
        if line.is_up:
            self._say(line, type="subscribe", subscriptions=[self._wanted(job)])

    def _named(self, job: str) -> dict[str, object]:
        return {"feed": True} if job == FEED else {"job": job}

    def _wanted(self, job: str) -> dict[str, object]:
        return {**self._named(job), **self.sights[job].cursor}

    def _say(self, line: Line, **message: object) -> int:
        self._request += 1
        extra = {} if message["type"] in {"hello", "pong"} else {"id": self._request}
        line.socket.say(json.dumps({**message, **extra}).encode())
        return self._request

    # --- what it hears

    def hear(self, line: Line, message: dict[str, Any]) -> None:
        """One message of the server."""
        kind = message["type"]
        if line.retired:
            return
        if kind in {"snapshot", "transition", "progress", "live", "reset"}:
            self._event(line, message)
        elif kind == "welcome":
            line.timeout = message["timeout_ms"] / 1000
            line.welcome.set_result(None)
        elif kind == "ping":
            self._say(line, type="pong")
        elif kind == "ok":
            line.answers.add(message["id"])
        elif kind == "drain":
            least, most = message["after_ms"]
            line.drains = True
            line.moves_at = time.monotonic() + self._rng.uniform(least, most) / 1000
            self.tally["drains"] += 1
        elif kind == "error":
            self._refused(message)
        elif kind != "auth_expiring":
            self.breaches.append(f"unknown message {kind}")

    def _event(self, line: Line, frame: dict[str, Any]) -> None:
        job = FEED if FEED in self.sights else frame["job"]
        if job not in self.sights:
            self.breaches.append(f"{job}: nobody asked for it")
            return
        fault = line.checks[job].take(frame)
        if fault is not None:
            self.breaches.append(f"{job}: {fault}")
        self.tally[f"{frame['type']} frames"] += 1
        sight = self.sights[job]
        believed = not self._dedupes or line.number >= self._believed[job]
        if frame["type"] in {"live", "reset"} and isinstance(sight, FeedSight) and believed:
            sight.note(frame)
        if frame["type"] == "reset":
            return
        if frame["type"] == "live":
            line.live.add(job)
            line.asked.discard(job)
            self._believed[job] = max(self._believed[job], line.number)
        elif not believed:
            self.tally["not believed"] += 1  # an old connection, beside one that is live
        elif not sight.take(frame):
            self.tally["asked again"] += 1
            if job not in line.asked:
                line.asked.add(job)
                self._subscribe(line, job)

    def _refused(self, message: dict[str, Any]) -> None:
        code = message["code"]
        job = FEED if message.get("feed") else message.get("job")
        self.tally[f"error {code}"] += 1
        if code in {"store-unavailable", "job-not-found"} and job in self.sights:
            self._again[job] = time.monotonic() + self._rng.uniform(0.2, 1)
        else:
            self.breaches.append(f"was refused: {message}")


def _check(sight: Sight | FeedSight) -> WireCheck | FeedCheck:
    if isinstance(sight, FeedSight):
        return FeedCheck(sight.epoch, sight.seq, resumed=bool(sight.epoch))
    return WireCheck(sight.epoch, sight.revision, sight.step, cursor_sent=bool(sight.epoch))
