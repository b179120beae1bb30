"""Whether the store answers is asked for ever, also after a mistake of ours."""

import asyncio

import pytest
from structlog.testing import capture_logs

from shared.contracts.errors import StoreUnavailable
from shared.runtime.store_pulse import StorePulse
from tests.eventually import eventually_async


class OnceAtFault:
    """Fails the first time that it is asked."""

    def __init__(self, fault: Exception) -> None:
        self._fault: Exception | None = fault
        self.complaints: list[str | None] = []
        self.pulse = StorePulse(self.ping)

    async def ping(self) -> None:
        self.complaints.append(self.pulse.complaint)
        fault, self._fault = self._fault, None
        if fault is not None:
            raise fault

    async def answers(self) -> bool:
        return self.pulse.complaint is None


@pytest.mark.parametrize(
    ("fault", "complaint", "told"),
    [
        (StoreUnavailable(), "Redis does not answer", []),
        (ZeroDivisionError(), "Redis could not be asked", ["store_ping_failed"]),
    ],
)
async def test_a_fault_is_complained_of_until_the_store_answers(
    fault: Exception, complaint: str, told: list[str]
) -> None:
    store = OnceAtFault(fault)
    with capture_logs() as said:
        asking = asyncio.create_task(store.pulse.follow())
        await eventually_async(store.answers)
        asking.cancel()
        await asyncio.wait({asking})

    assert store.complaints == ["Redis has not been asked yet", complaint]
    assert [line["event"] for line in said if line["event"] == "store_ping_failed"] == told
