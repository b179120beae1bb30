"""An atomic bulk: every job is checked before one is put on record, and all are, or none."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Final

from services.gateway.accepting.outcomes import Accepted, Outcome, Withheld
from services.gateway.bulk.reading import Reader
from services.gateway.refusals import (
    MAX_FAULTS,
    EmptyCatalogue,
    Fault,
    Invalid,
    Refusal,
    Unavailable,
    UniqueKeyTaken,
)
from services.gateway.requests.fields import pointer
from services.gateway.submit import Submission
from shared.contracts.errors import WaymarkError
from shared.contracts.operations import Submit
from shared.runtime.pacing import pause

PART: Final = 100  # jobs that are checked before others get their turn


async def carry_out_all(count: int, reader: Reader, submission: Submission) -> Sequence[Outcome]:
    """Put all jobs on record and into the broker; return what became of each.

    All are on record; Unavailable are those that the broker did not confirm in time.

    Raises:
        Refusal: none is. Its `errors` point to the jobs that stood in the way.
        StoreUnavailable: whether they are, nobody knows; a repeat with the same key tells.
    """
    deadline = submission.deadline()
    jobs: list[Submit] = []
    refused: list[Refusal] = []
    for start in range(0, count, PART):
        for planned in await reader.plan(range(start, min(start + PART, count))):
            if isinstance(planned, Refusal):
                refused.append(planned)
            else:
                jobs.append(planned)
        await pause(0)
    if refused:
        known = await _known_already(count, reader)
        if known is None:
            raise checked_out(refused)
        return known
    outcomes = await submission.accept_many(jobs, deadline=deadline, atomic=True)
    in_the_way = {n: one for n, one in enumerate(outcomes) if not _is_on_record(one)}
    if in_the_way:
        raise met_in_store(in_the_way)
    return outcomes


def checked_out(refused: Sequence[Refusal]) -> Refusal:
    """Return the refusal of all for what the checks had against some."""
    errors = [fault for one in refused for fault in one.errors][:MAX_FAULTS]
    for one in refused:
        if isinstance(one, EmptyCatalogue | Unavailable):
            return one
    if len({one.code for one in refused}) > 1:
        return Invalid(errors=errors)
    refused[0].errors = tuple(errors)
    return refused[0]


def met_in_store(in_the_way: Mapping[int, Outcome]) -> WaymarkError:
    """Return the refusal of all for what the store had against some."""
    faults = {n: one for n, one in in_the_way.items() if isinstance(one, WaymarkError)}
    first = next(one for one in faults.values() if not isinstance(one, Withheld))
    if isinstance(first, UniqueKeyTaken):
        taken = [n for n, one in faults.items() if isinstance(one, UniqueKeyTaken)]
        first.errors = tuple(Fault(first.detail, pointer("jobs", n, "unique_key")) for n in taken)
    return first


async def _known_already(count: int, reader: Reader) -> Sequence[Outcome] | None:
    """Return the jobs of an accepted request that this one repeats, None where it repeats none."""
    if await reader.recall(0) is None:
        return None
    found = await asyncio.gather(*(reader.recall(place) for place in range(count)))
    return [outcome for outcome in found if outcome is not None] if all(found) else None


def _is_on_record(outcome: Outcome) -> bool:
    return isinstance(outcome, Accepted) or (
        isinstance(outcome, Unavailable) and "job_id" in outcome.extra
    )
