"""Adds up what the store knows of each queue, over tenants. Once; never from a cache."""

import asyncio
from collections.abc import Sequence
from typing import Final

from shared.contracts.queues import QueueTally, SurveyQueues
from shared.ports import AsyncJobStore

TENANTS_AT_ONCE: Final = 16


async def tally_queues(tenants: Sequence[str], *, store: AsyncJobStore) -> dict[str, QueueTally]:
    """Return every queue that one of the tenants has used, by name.

    Raises:
        StoreUnavailable: the store did not answer in time.
    """
    found: dict[str, QueueTally] = {}
    for start in range(0, len(tenants), TENANTS_AT_ONCE):
        group = tenants[start : start + TENANTS_AT_ONCE]
        for told in await asyncio.gather(
            *(store.do(SurveyQueues(tenant=tenant)) for tenant in group)
        ):
            for queue, tally in told.items():
                found.setdefault(queue, QueueTally()).add(tally)
    return found
