"""A switchboard on a fake store and feed, jobs that move, and followers that check the rule."""

import asyncio
from collections.abc import Callable
from uuid import uuid4

from services.notifier.wire import text_frame
from shared.contracts import operations as ops
from shared.contracts.commands import RunJob
from shared.contracts.operations import Operation
from shared.stream.merge import Event, Track
from shared.stream.place import Place
from shared.stream.switchboard import Switchboard
from tests.eventually import eventually_async
from tests.fakes.feed import FakeFeed
from tests.fakes.store import AsyncFakeStore, FakeStore
from tests.fakes.stream import Client, unframed

TOKEN = "a" * 32


class SlowStore(AsyncFakeStore):
    """Counts readings and can hold their answers back."""

    def __init__(self, store: FakeStore) -> None:
        super().__init__(store)
        self.after_steps: list[int] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def do(self, operation: Operation[ops.A_co]) -> ops.A_co:
        answer = self.store.do(operation)
        if isinstance(operation, ops.Locate):
            self.after_steps.append(operation.after_step)
        await self.gate.wait()
        return answer


class Follower:
    """A watcher as a session is one, for one job."""

    def __init__(self, board: Switchboard, job: str, tenant: str = "acme") -> None:
        self.board, self.job, self.tenant = board, job, tenant
        self.client = Client()
        self.track = Track(None)
        self.missed = False

    def watch(self) -> "Follower":
        self.board.watch(self.tenant, self.job, self, after_step=self.track.after_step)
        return self

    def happened(self, job: str, event: Event) -> None:
        before = self.track.syncing
        self._take(self.track.happened(event))
        if self.track.syncing and not before:
            self._ask()

    def placed(self, job: str, place: Place | None) -> None:
        if place is None:
            self.missed = True
            self.track.missing()
        else:
            self._take(self.track.placed(place))
        if self.track.syncing:
            self._ask()

    def disturbed(self, job: str) -> None:
        self.track.resync()
        self._ask()

    def _ask(self) -> None:
        self.board.locate(self.tenant, self.job, self, after_step=self.track.after_step)

    def _take(self, frames: tuple[bytes, ...] | list[bytes]) -> None:
        for frame in frames:
            self.client.gets(unframed(frame))


class House:
    """A fake store and feed, a switchboard on them, and jobs that move."""

    def __init__(self) -> None:
        self.fake = FakeStore()
        self.store = SlowStore(self.fake)
        self.feed = FakeFeed()
        self.board = Switchboard(self.store, self.feed, text_frame)

    def submit(self, tenant: str = "acme") -> str:
        job = str(uuid4())
        answer = self.fake.do(
            ops.Submit(
                tenant=tenant, job=job, type="t", type_version=1, queue="default", priority=5,
                payload="{}", max_attempts=3, labels={}, submitted_by="key:1",
            )
        )  # fmt: skip
        assert answer.job is not None
        self.feed.relay(self.fake)
        return job

    def start(self, job: str, tenant: str = "acme") -> None:
        record = self.fake.do(ops.Read(tenant=tenant, job=job))
        assert record is not None
        self.fake.do(
            ops.Claim(
                tenant=tenant, message=RunJob.of(record), token=TOKEN, worker="w", lease=15_000
            )
        )
        self.feed.relay(self.fake)

    def report(self, job: str, number: int) -> None:
        told = f'{{"current":{number}}}'
        self.fake.do(
            ops.Progress(tenant="acme", job=job, token=TOKEN, number=number, progress=told)
        )
        self.feed.relay(self.fake)

    def cancel(self, job: str) -> None:
        self.fake.do(ops.Cancel(tenant="acme", job=job, reason=None))
        self.feed.relay(self.fake)

    def succeed(self, job: str) -> None:
        self.fake.do(ops.Succeed(tenant="acme", job=job, token=TOKEN, result='{"n":1}'))
        self.feed.relay(self.fake)


async def comes_true(fact: Callable[[], object]) -> None:
    async def ask() -> object:
        return fact()

    await eventually_async(ask)


STATES = ["queued", "running", "succeeded"]


def states(follower: Follower) -> list[str]:
    return [state for _, state in follower.client.history]
