"""A job store and the world around it, held by a test: the time, wipes, roll-backs, epochs."""

import re
from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar, cast

import redis

from shared.adapters.store_redis import RedisStore
from shared.adapters.store_redis.scripts import Script, Source, packaged, render_all
from shared.contracts.operations import Operation
from shared.contracts.topology import work_queues
from tests.fakes.store import A_DAY_IN_2026, FakeStore

A = TypeVar("A")

TENANT = "acme"
INDEXES = ("outbox", "leases", "due", "waiting")
HELD_SENSES = """\
local function clock() return tonumber(redis.call('GET', 'wm:test:clock')) end
local function replication_id() return redis.call('GET', 'wm:test:history') end
"""


class World(Protocol):
    """A store whose surroundings the test decides."""

    now: int

    def do(self, operation: Operation[A]) -> A:
        """Ask the store."""

    def wipe(self) -> None:
        """The store forgets everything."""

    def snapshot(self) -> object:
        """Keep what the store knows now."""

    def restore(self, snapshot: object) -> None:
        """The store goes back to what it knew then; its epoch changes."""

    def change_epoch(self) -> None:
        """Another node takes over and has lost nothing."""

    def index(self, name: str) -> Mapping[str, int]:
        """Read one of INDEXES: job and time (ms)."""

    def indexes(self) -> Mapping[str, Mapping[str, int]]:
        """Read all of them."""


class FakeWorld(FakeStore):
    """The fake: it has all of that."""

    def index(self, name: str) -> Mapping[str, int]:
        found: dict[str, int] = getattr(self.peek(TENANT), name)
        return dict(found)

    def indexes(self) -> Mapping[str, Mapping[str, int]]:
        return {name: self.index(name) for name in INDEXES}


class RedisWorld:
    """The real store with held senses: its scripts read time and history from keys."""

    def __init__(self, redis_url: str, scripts: Mapping[str, Script] | None = None) -> None:
        self.client = redis.Redis.from_url(redis_url)
        self.store = RedisStore(redis_url, scripts=scripts or held_scripts())
        self._history = 0
        self.begin()

    def begin(self) -> None:
        """Start over with an empty store."""
        self.client.flushall()
        self.now = A_DAY_IN_2026
        self.change_epoch()

    @property
    def now(self) -> int:
        return self._now

    @now.setter
    def now(self, ms: int) -> None:
        self._now = ms
        self.client.set("wm:test:clock", ms)

    def do(self, operation: Operation[A]) -> A:
        return self.store.do(operation)

    def wipe(self) -> None:
        self._forget()

    def snapshot(self) -> object:
        return {key: self.client.dump(key) for key in self._tenant_keys()}

    def restore(self, snapshot: object) -> None:
        assert isinstance(snapshot, dict)
        self._forget()
        for key, dumped in snapshot.items():
            self.client.restore(key, 0, dumped)
        self.change_epoch()

    def change_epoch(self) -> None:
        self._history += 1
        self.client.set("wm:test:history", f"{self._history:040x}")

    def index(self, name: str) -> Mapping[str, int]:
        return self._read_indexes(name)[name]

    def indexes(self) -> Mapping[str, Mapping[str, int]]:
        return self._read_indexes(*INDEXES)

    def _read_indexes(self, *names: str) -> dict[str, dict[str, int]]:
        places = [(name, key) for name in names for key in _keys_of_index(name)]
        pipe = self.client.pipeline(transaction=False)
        for _name, key in places:
            pipe.zrange(key, 0, -1, withscores=True)
        scored = cast("list[list[tuple[bytes, float]]]", pipe.execute())
        found: dict[str, dict[str, int]] = {name: {} for name in names}
        for (name, _key), one in zip(places, scored, strict=True):
            found[name] |= {member.decode(): int(score) for member, score in one}
        return found

    def close(self) -> None:
        self.store.close()
        self.client.close()

    def _tenant_keys(self) -> list[bytes]:
        return list(self.client.scan_iter(f"wm:{{{TENANT}}}:*", count=1000))

    def _forget(self) -> None:
        if found := self._tenant_keys():
            self.client.delete(*found)


class TwinWorld:
    """The fake and the real store side by side: every answer must be the same."""

    def __init__(self, real: RedisWorld) -> None:
        self.real = real
        self.fake = FakeWorld()
        self._names = (EpochNames(), EpochNames())

    @property
    def now(self) -> int:
        return self.fake.now

    @now.setter
    def now(self, ms: int) -> None:
        self.fake.now = self.real.now = ms

    def do(self, operation: Operation[A]) -> A:
        expected, found = self.fake.do(operation), self.real.do(operation)
        assert self._names[1](found) == self._names[0](expected), operation
        return expected

    def wipe(self) -> None:
        self._both(lambda world: world.wipe())

    def snapshot(self) -> object:
        return (self.fake.snapshot(), self.real.snapshot())

    def restore(self, snapshot: object) -> None:
        assert isinstance(snapshot, tuple)
        self.fake.restore(snapshot[0])
        self.real.restore(snapshot[1])

    def change_epoch(self) -> None:
        self._both(lambda world: world.change_epoch())

    def index(self, name: str) -> Mapping[str, int]:
        expected = self.fake.index(name)
        assert self.real.index(name) == expected, name
        return expected

    def indexes(self) -> Mapping[str, Mapping[str, int]]:
        expected = self.fake.indexes()
        assert self.real.indexes() == expected
        return expected

    def _both(self, deed: Callable[[Any], None]) -> None:
        deed(self.fake)
        deed(self.real)


class EpochNames:
    """Calls the epochs of one store 1, 2, 3 … in the order of their first appearance."""

    _MENTION = re.compile(r"""epoch["']?[:=]["']([0-9a-f]{8})["']""")

    def __init__(self) -> None:
        self._known: dict[str, int] = {}

    def __call__(self, answer: object) -> str:
        return self._MENTION.sub(self._name, repr(answer))

    def _name(self, mention: re.Match[str]) -> str:
        number = self._known.setdefault(mention[1], len(self._known) + 1)
        return f"epoch {number}"


def _keys_of_index(name: str) -> list[str]:
    start = f"wm:{{{TENANT}}}:{name}"
    if name == "waiting":
        return [f"{start}:{queue}" for queue in work_queues("default")]
    return [start]


def held_scripts(source: Source = packaged) -> Mapping[str, Script]:
    """Return the store's scripts with their senses held."""
    return render_all(lambda name: HELD_SENSES if name == "senses" else source(name))
