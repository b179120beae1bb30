"""A bulk whose jobs are accepted each by itself."""

import asyncio
from collections.abc import Iterable, Sequence
from typing import Final

from services.gateway.accepting.outcomes import Outcome, because
from services.gateway.bulk.reading import Reader
from services.gateway.refusals import (
    EmptyCatalogue,
    InFlight,
    KeyReused,
    Refusal,
    Unavailable,
)
from services.gateway.submit import Submission
from shared.contracts.errors import StoreUnavailable, WaymarkError
from shared.contracts.operations import Submit
from shared.runtime.pacing import pause

PART: Final = 100  # jobs that go together: one script of 8 ms, in which Redis does nothing else
_UNTRIED: Final = "The job before it could not be handed over: repeat with the same key."


class OneByOne:
    """Accepts what can be accepted."""

    def __init__(self, reader: Reader, submission: Submission) -> None:
        """Keep both; the time begins to run."""
        self._reader = reader
        self._submission = submission
        self._deadline = submission.deadline()
        self._outcomes: dict[int, Outcome] = {}

    async def carry_out(self, count: int) -> Sequence[Outcome]:
        """Return what became of each job.

        Raises:
            KeyReused, InFlight: what the request's Idempotency-Key is bound to.
            StoreUnavailable, Unavailable, EmptyCatalogue: of no job there is a record.
        """
        first = 0
        if self._reader.key(0) is not None:
            # Alone: nothing has happened yet should the key turn out to be another body's.
            await self._carry_out(range(1))
            begun = self._outcomes[0]
            if isinstance(begun, InFlight | KeyReused):
                raise begun
            if isinstance(begun, Unavailable | StoreUnavailable):
                if _is_nowhere(begun):
                    raise begun
                return [begun, *(because(Unavailable(_UNTRIED), begun) for _ in range(1, count))]
            first = 1
        async with asyncio.TaskGroup() as group:
            for start in range(first, count, PART):
                places = range(start, min(start + PART, count))
                group.create_task(self._carry_out(places))
                await pause(0)  # the first are on their way while the next are checked
        outcomes = [self._outcomes[place] for place in range(count)]
        if isinstance(outcomes[0], WaymarkError) and all(map(_is_nowhere, outcomes)):
            raise outcomes[0]
        return outcomes

    async def _carry_out(self, places: Sequence[int]) -> None:
        planned = await self._reader.plan(places)
        jobs = {n: one for n, one in zip(places, planned, strict=True) if isinstance(one, Submit)}
        if len(jobs) < len(planned):
            refused = {
                n: one for n, one in zip(places, planned, strict=True) if isinstance(one, Refusal)
            }
            self._outcomes.update(refused)
            self._outcomes.update(await self._recall(refused))
        if jobs:
            accepted = await self._submission.accept_many(
                list(jobs.values()), deadline=self._deadline
            )
            self._outcomes.update(zip(jobs, accepted, strict=True))

    async def _recall(self, refused: Iterable[int]) -> dict[int, Outcome]:
        """Return what is refused today and yet the repeat of a job that was accepted."""
        if self._reader.key(0) is None:
            return {}
        found = await asyncio.gather(*(self._reader.recall(place) for place in refused))
        return {place: one for place, one in zip(refused, found, strict=True) if one is not None}


def _is_nowhere(outcome: Outcome) -> bool:
    if isinstance(outcome, StoreUnavailable | EmptyCatalogue):
        return True
    return isinstance(outcome, Unavailable) and "job_id" not in outcome.extra
