"""A client of the public API that shares no code with the house: it judges it from outside."""

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any

import httpx
import websockets

from tests.eventually import eventually_async

FINAL = frozenset({"succeeded", "failed", "cancelled", "expired"})
_STOP_CODES = range(4000, 4100)


@dataclass
class Gateway:
    """HTTP calls that outlive a restart of the gateway: the same key is sent until it answers."""

    url: str
    key: str

    def client(self) -> httpx.AsyncClient:
        """A client with the tenant's key."""
        return httpx.AsyncClient(
            base_url=self.url, headers={"Authorization": f"Bearer {self.key}"}, timeout=15
        )

    async def submit(
        self, http: httpx.AsyncClient, body: dict[str, Any], *, key: str, within: float = 60.0
    ) -> dict[str, Any]:
        """Submit until 202; a refusal is an error, an outage is not."""
        answer = await self._persist(
            http, "POST", "/v1/jobs", within, json=body, headers={"Idempotency-Key": f'"{key}"'}
        )
        assert answer.status_code in {200, 202}, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def read(
        self, http: httpx.AsyncClient, job: str, *, within: float = 60.0
    ) -> dict[str, Any]:
        """The job as it stands."""
        answer = await self._persist(http, "GET", f"/v1/jobs/{job}", within)
        assert answer.status_code == 200, answer.text
        found: dict[str, Any] = answer.json()
        return found

    async def token(self, http: httpx.AsyncClient, jobs: list[str], *, within: float = 60.0) -> str:
        """A browser token that may watch `jobs`."""
        body = {"jobs": jobs, "ttl_seconds": 600}
        answer = await self._persist(http, "POST", "/v1/tokens", within, json=body)
        assert answer.status_code == 201, answer.text
        return str(answer.json()["token"])

    async def settle(
        self, http: httpx.AsyncClient, jobs: Iterable[str], *, within: float
    ) -> dict[str, dict[str, Any]]:
        """Wait until every job is final; return them all, by id."""
        ended: dict[str, dict[str, Any]] = {}
        waiting = set(jobs)

        async def all_final() -> bool:
            for job in sorted(waiting):
                found = await self.read(http, job)
                if found["final"]:
                    ended[job] = found
                    waiting.discard(job)
                else:
                    standing = f"{len(waiting)} jobs not final; {job} is {found['state']}"
                    raise AssertionError(standing)
            return True

        await eventually_async(all_final, within=within)
        return ended

    async def _persist(
        self, http: httpx.AsyncClient, method: str, path: str, within: float, **rest: Any
    ) -> httpx.Response:
        async def answered() -> httpx.Response:
            try:
                answer = await http.request(method, path, **rest)
            except httpx.TransportError as fault:
                raise AssertionError(f"{method} {path}: {fault!r}") from fault
            assert answer.status_code not in {409, 429, 503}, answer.text
            return answer

        return await eventually_async(answered, within=within)


@dataclass
class Seen:
    """What one watcher has seen of one job."""

    epoch: str | None = None
    revision: int = 0
    step: int = 0
    states: list[tuple[int, str]] = field(default_factory=list)
    progress_frames: int = 0
    faults: list[str] = field(default_factory=list)
    final: bool = False

    def take(self, frame: dict[str, Any]) -> bool:
        """Apply the client rule of the design; False asks for a new subscription."""
        if frame["type"] == "snapshot":
            return self._replace(frame)
        if frame["epoch"] != self.epoch:
            return False
        if frame["revision"] <= self.revision:
            return True
        if frame["type"] == "progress":
            if frame["step"] != self.step:
                return False
            self.progress_frames += 1
            self.revision = frame["revision"]
            return True
        if frame["step"] != self.step + 1:
            return False
        self.states.append((frame["step"], frame["state"]))
        self.step, self.revision = frame["step"], frame["revision"]
        self.final = frame["state"] in FINAL
        return True

    def _replace(self, frame: dict[str, Any]) -> bool:
        steps = [entry["step"] for entry in frame["history"]]
        if steps != list(range(1, frame["step"] + 1)):
            self.faults.append(f"snapshot history has a hole: {steps} for step {frame['step']}")
        known = dict(self.states)
        for entry in frame["history"]:
            if (
                self.epoch == frame["epoch"]
                and known.get(entry["step"], entry["state"]) != entry["state"]
            ):
                self.faults.append(f"step {entry['step']} changed its state")
        self.states = [(entry["step"], entry["state"]) for entry in frame["history"]]
        self.epoch, self.revision, self.step = frame["epoch"], frame["revision"], frame["step"]
        self.final = frame["state"] in FINAL
        return True


class Watcher:
    """Follows jobs over the stream, through any number of lost connections."""

    def __init__(self, url: str, token: str, jobs: Iterable[str]) -> None:
        self.url, self.token = url, token
        self.seen = {job: Seen() for job in jobs}
        self.connections = 0
        self.resynced = 0

    async def run(self, *, within: float) -> None:
        """Return when every job has been seen to end; fail after `within` seconds."""
        await eventually_async(self._connect_once, within=within)

    async def _connect_once(self) -> bool:
        try:
            await self._follow()
        except (OSError, websockets.InvalidHandshake, websockets.ConnectionClosedError) as fault:
            code = getattr(getattr(fault, "rcvd", None), "code", None)
            if code in _STOP_CODES:
                raise
        return self.done

    @property
    def done(self) -> bool:
        """Whether every job has been seen to end."""
        return all(seen.final for seen in self.seen.values())

    async def _follow(self) -> None:
        async with websockets.connect(
            self.url, subprotocols=[websockets.Subprotocol("waymark.v1")], open_timeout=5
        ) as socket:
            self.connections += 1
            await socket.send(json.dumps(self._hello()))
            async for text in socket:
                frame = json.loads(text)
                if frame["type"] == "ping":
                    await socket.send('{"type":"pong"}')
                elif frame["type"] in {"snapshot", "transition", "progress"}:
                    job = frame["job"]
                    if not self.seen[job].take(frame):
                        self.resynced += 1
                        for kind in ("unsubscribe", "subscribe"):
                            await socket.send(
                                json.dumps({"type": kind, "id": 1, "subscriptions": [{"job": job}]})
                            )
                elif frame["type"] == "error":
                    raise AssertionError(f"the stream refused: {frame}")
                if self.done:
                    return

    def _hello(self) -> dict[str, Any]:
        subscriptions = []
        for job, seen in self.seen.items():
            cursor = (
                {"epoch": seen.epoch, "revision": seen.revision, "step": seen.step}
                if seen.epoch
                else {}
            )
            subscriptions.append({"job": job, **cursor})
        return {"type": "hello", "version": 1, "token": self.token, "subscriptions": subscriptions}


def flaws_of(seen: Seen) -> list[str]:
    """What is wrong with a finished history; empty when each step came once and in order."""
    flaws = list(seen.faults)
    steps = [step for step, _ in seen.states]
    if steps != list(range(1, len(steps) + 1)):
        flaws.append(f"steps {steps}")
    ends = [state for _, state in seen.states if state in FINAL]
    if len(ends) != 1 or seen.states[-1][1] not in FINAL:
        flaws.append(f"{len(ends)} final transitions: {seen.states}")
    return flaws
