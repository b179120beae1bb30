"""What breaks in a storm of the stream, how often and for how long; every choice is seeded."""

import asyncio
import random
import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from tests.chaos.stream.notifiers import Notifier
from tests.chaos.stream.shifty import ShiftyRedis

# Name, weight, and for how long (seconds) it lasts: frozen, down or lagging.
OF_REDIS: tuple[tuple[str, int, tuple[float, float]], ...] = (
    ("kill listeners", 12, (0, 0)),
    ("freeze redis", 3, (0.5, 7)),
    ("restart redis", 3, (0, 1)),
    ("fail over", 3, (0.2, 1.5)),
    ("flush scripts", 2, (0, 0)),
)
OF_NOTIFIERS: tuple[tuple[str, int, tuple[float, float]], ...] = (
    ("kill notifier", 4, (0, 2)),
    ("freeze notifier", 4, (0.5, 6)),
    ("deploy notifier", 3, (0, 0)),
)
ONLY_LISTENERS = OF_REDIS[:1]
NO_FAULTS: tuple[tuple[str, int, tuple[float, float]], ...] = ()
GAP_SECONDS = 1.5  # from the end of one to the next of the same kind, on average


@dataclass
class Breaker:
    """Breaks Redis and notifiers side by side until told to stop; then all is whole again."""

    redis: ShiftyRedis
    notifiers: Sequence[Notifier]
    seed: str
    of_redis: Sequence[tuple[str, int, tuple[float, float]]] = OF_REDIS
    of_notifiers: Sequence[tuple[str, int, tuple[float, float]]] = OF_NOTIFIERS
    gap: float = GAP_SECONDS
    counts: Counter[str] = field(default_factory=Counter)
    story: list[tuple[float, str]] = field(default_factory=list)

    async def rage(self, until: asyncio.Event) -> None:
        """Return when the fault that is at work has been mended."""
        async with asyncio.TaskGroup() as both:
            for table in (self.of_redis, self.of_notifiers):
                if table:
                    both.create_task(self._rage(table, until))

    async def _rage(
        self, table: Sequence[tuple[str, int, tuple[float, float]]], until: asyncio.Event
    ) -> None:
        rng = random.Random(f"{self.seed}/{table[0][0]}")
        deck = rng.sample(table, len(table))  # each once, then as they fall
        while not until.is_set():
            if not deck:
                deck = rng.choices(table, [weight for _, weight, _ in table])
            name, _, (least, most) = deck.pop()
            lasts, victim = rng.uniform(least, most), rng.choice(self.notifiers)
            self.story.append((time.time(), f"{name} {lasts:.1f} s {victim.process.name}"))
            await asyncio.to_thread(self._deed(name, victim, lasts))
            self.counts[name] += 1
            try:
                await asyncio.wait_for(until.wait(), rng.expovariate(1 / self.gap))
            except TimeoutError:
                continue

    def _deed(self, name: str, victim: Notifier, lasts: float) -> Callable[[], None]:
        deeds: dict[str, Callable[[], None]] = {
            "kill listeners": self.redis.kill_listeners,
            "freeze redis": lambda: self.redis.freeze(lasts),
            "restart redis": lambda: self.redis.restart(lasts),
            "fail over": lambda: self.redis.fail_over(lasts),
            "flush scripts": self.redis.flush_scripts,
            "kill notifier": lambda: victim.kill(lasts),
            "freeze notifier": lambda: victim.freeze(lasts),
            "deploy notifier": victim.deploy,
        }
        return deeds[name]
