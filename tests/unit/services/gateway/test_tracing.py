"""Which trace a job belongs to."""

from pathlib import Path

import pytest

from shared.contracts.tracing import read_context
from tests.fakes.gateway import FakeGateway


@pytest.fixture
def gateway(tmp_path: Path) -> FakeGateway:
    return FakeGateway(tmp_path)


@pytest.mark.parametrize("header", [None, "00-0af7651916cd43dd8448eb211c80319c-what-01"])
async def test_a_job_without_a_trace_that_can_be_read_begins_one(
    gateway: FakeGateway, header: str | None
) -> None:
    headers = {"traceparent": header} if header else {}
    for _ in range(2):
        await gateway.submit(**headers)

    first, second = (message.options.traceparent for message, _ in gateway.publisher.sent)
    assert first is not None
    assert second is not None
    assert read_context([first], []) == (first, None)
    assert first[3:35] != second[3:35] != "0af7651916cd43dd8448eb211c80319c"
