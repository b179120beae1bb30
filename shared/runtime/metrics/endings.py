"""The ends of jobs, counted by whoever writes them: a worker as a rule, a gateway at times."""

import time
from collections.abc import Callable, Iterable
from typing import Final

import msgspec
from prometheus_client import CollectorRegistry, Counter, Histogram

from shared.contracts.job import DeadLetterReason
from shared.contracts.lifecycle import State
from shared.runtime.metrics.children import Children

MOST_PAIRS: Final = 200  # of a queue and a type; what comes later is counted under OTHER
OTHER: Final = "(other)"
_BUCKETS: Final = (
    *(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60),
    *(300, 900, 3600, 4 * 3600, 12 * 3600, 24 * 3600),
)
_MS: Final = 1000

Kind = tuple[State, str]
"""A final state and the error code with it; "" where there is none."""


class JobEnd(msgspec.Struct, frozen=True, kw_only=True):
    """A job that has just ended. `since` is when it might first have run, ms since the epoch.

    `since` None: nobody wants to know how long it took, for an operator had his part in it.
    """

    queue: str
    type: str
    state: State
    code: str = ""
    since: int | None = None
    dead_letter: DeadLetterReason | None = None


class Endings:
    """The numbers, in the registry of a service; `expect` makes them be there from the start."""

    def __init__(
        self,
        registry: CollectorRegistry,
        *,
        kinds: Iterable[Kind],
        reasons: Iterable[DeadLetterReason],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Describe it; `kinds` and `reasons` are those that this service can write."""
        self._kinds: Final = tuple(kinds)
        self._reasons: Final = tuple(reasons)
        self._clock = clock
        self._pairs: set[tuple[str, str]] = set()
        self._finished = Children(
            Counter(
                "waymark_jobs_finished_total",
                "Jobs that reached a final state, by the error code of the house; handlers' own "
                "codes are counted as `handler`. Gateways and workers both end jobs: add them up.",
                ("queue", "type", "outcome", "code"),
                registry=registry,
            )
        )
        self._dead = Children(
            Counter(
                "waymark_jobs_dead_lettered_total",
                "Failed jobs that wait for somebody to act, by why; no queue and no type: a "
                "message that nobody can decode. Gateways and workers file them: add them up.",
                ("queue", "type", "reason"),
                registry=registry,
            )
        )
        self._seconds = Children(
            Histogram(
                "waymark_jobs_end_to_end_seconds",
                "From when a job might first have run (its submit, or its run_at) to its end; "
                "jobs that were redriven are left out.",
                ("queue", "outcome"),
                buckets=_BUCKETS,
                registry=registry,
            )
        )

    def expect(self, queue: str, name: str) -> tuple[str, str]:
        """Make all that a job of this queue and type can come to be there at 0.

        Return the labels it is counted under.
        """
        pair = (queue, name)
        if pair in self._pairs:
            return pair
        if len(self._pairs) >= MOST_PAIRS:
            pair = (OTHER, OTHER)
        self._pairs.add(pair)
        for state, code in self._kinds:
            self._finished[*pair, state, code]
            self._seconds[pair[0], state]
        for reason in self._reasons:
            self._dead[*pair, reason]
        return pair

    def ended(self, end: JobEnd) -> None:
        """Count a job that ended, and its dead letter where it left one."""
        queue, name = self.expect(end.queue, end.type)
        self._finished[queue, name, end.state, end.code].inc()
        if end.since is not None:
            self._seconds[queue, end.state].observe(max(0.0, self._clock() - end.since / _MS))
        if end.dead_letter is not None:
            self._dead[queue, name, end.dead_letter].inc()

    def undecodable(self, count: int = 1) -> None:
        """Count messages that are kept though nobody can decode them: dead letters without a job.

        0 makes it be there from the start.
        """
        self._dead["", "", DeadLetterReason.UNDECODABLE].inc(count)
