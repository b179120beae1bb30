"""Requests that come in the same moment share a batch; each waits for its own job alone.

A single request waits for nobody. While the store works on a tenant's batch, whoever comes goes
with the next one (a group commit): the store does one thing at a time anyway, and the more come at
once the cheaper each. While the broker works on it, the answers are made ready.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from services.gateway.accepting.acceptance import Acceptance
from services.gateway.accepting.outcomes import Outcome
from services.gateway.refusals import Unavailable
from shared.contracts.operations import Submit

MOST_TOGETHER: Final = 50  # jobs: one script of 5 ms, during which Redis does nothing else
MOST_CHARACTERS: Final = 4 * 1024 * 1024  # of their payloads

log = structlog.get_logger()

Told = Outcome | Exception
"""What became of one job; an exception that is no WaymarkError is a mistake of ours."""

Tell = Callable[[Told], object]
Foresee = Callable[[Outcome], object]


async def awaited(ask: Callable[[Tell], None]) -> Told:
    """Return what is told, for whoever may wait for it."""
    told: asyncio.Future[Told] = asyncio.get_running_loop().create_future()
    ask(lambda one: None if told.done() else told.set_result(one))
    return await told


@dataclass(slots=True)
class _Ask:
    job: Submit
    deadline: float
    tell: Tell
    foresee: Foresee | None


class Gathering:
    """Collects jobs into batches, by tenant; owns the tasks that accept them."""

    def __init__(self, acceptance: Acceptance) -> None:
        """Keep what accepts a batch."""
        self._acceptance = acceptance
        self._waiting: dict[str, deque[_Ask]] = {}
        self._at_store: set[str] = set()
        self._under_way: set[asyncio.Task[Sequence[Outcome]]] = set()

    def join(
        self, job: Submit, *, deadline: float, tell: Tell, foresee: Foresee | None = None
    ) -> None:
        """Tell what becomes of a job; the batch it joins keeps the earliest deadline.

        `foresee` may be called before, while the broker has the job, with what will be told (the
        very object) if it confirms.
        """
        ask = _Ask(job, deadline, tell, foresee)
        line = self._waiting.get(job.tenant)
        if line is None:
            line = self._waiting[job.tenant] = deque()
            if job.tenant not in self._at_store:
                asyncio.get_running_loop().call_soon(self._depart, job.tenant)
        line.append(ask)

    def _depart(self, tenant: str) -> None:
        line = self._waiting.get(tenant)
        if line is None or tenant in self._at_store:
            return
        batch = _next_batch(line)
        if not line:
            del self._waiting[tenant]
        self._at_store.add(tenant)
        task = asyncio.create_task(
            self._acceptance.accept(
                [ask.job for ask in batch],
                deadline=min(ask.deadline for ask in batch),
                on_record=lambda foreseen: self._next(tenant, batch, foreseen),
            )
        )
        self._under_way.add(task)
        task.add_done_callback(lambda done: self._tell(done, batch))

    def _next(self, tenant: str, batch: Sequence[_Ask], foreseen: Sequence[Outcome]) -> None:
        """The store has answered a batch: whoever came meanwhile may go."""
        self._at_store.discard(tenant)
        self._depart(tenant)
        # Not now: it is about to be published, and that the broker has it comes first.
        asyncio.get_running_loop().call_soon(_foresee, batch, foreseen)

    def _tell(self, task: asyncio.Task[Sequence[Outcome]], batch: Sequence[_Ask]) -> None:
        self._under_way.discard(task)
        told: Sequence[Told]
        if task.cancelled():
            told = [Unavailable() for _ in batch]
        elif isinstance(mistake := task.exception(), Exception):
            told = [mistake] * len(batch)
        else:
            told = task.result()
        for ask, one in zip(batch, told, strict=True):
            try:
                ask.tell(one)
            except Exception:  # the others' clients wait for their answers
                log.exception("outcome_not_told", job_id=ask.job.job)


def _foresee(batch: Sequence[_Ask], foreseen: Sequence[Outcome]) -> None:
    for ask, one in zip(batch, foreseen, strict=False):  # nothing is foreseen where the store fails
        if ask.foresee is not None:
            try:
                ask.foresee(one)
            except Exception:
                log.exception("outcome_not_foreseen", job_id=ask.job.job)


def _next_batch(line: deque[_Ask]) -> Sequence[_Ask]:
    batch = [line.popleft()]
    size = len(batch[0].job.payload)
    while line and len(batch) < MOST_TOGETHER:
        size += len(line[0].job.payload)
        if size > MOST_CHARACTERS:
            break
        batch.append(line.popleft())
    return batch
