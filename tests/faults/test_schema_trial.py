"""Schemathesis tries the whole API at random for minutes, on a house whose workers run the jobs."""

from collections.abc import Callable
from pathlib import Path

import httpx
import pytest

from tests.faults.stage import Stage
from tests.integration.schema_trial import Document, Trial, attempt, sharpened

pytestmark = pytest.mark.slow

PHASES = ("coverage", "fuzzing", "stateful")
SECONDS = 40  # of each trial; beyond two minutes a test looks stuck


async def described(http: httpx.AsyncClient) -> Document:
    """Return the document, sharpened for one quick job type."""
    quick = (await http.get("/v1/types/witness.act")).json()
    document = (await http.get("/openapi.json")).json()
    return sharpened(
        document, types={quick["type"]: {**quick["payload_schema"], "maxProperties": 0}}
    )


@pytest.mark.parametrize("key", ["tenant", "platform"])
async def test_a_minute_of_anything_is_answered_as_described(
    new_stage: Callable[..., Stage], tmp_path: Path, key: str
) -> None:
    stage = new_stage()  # what is tried leaves jobs behind that wait for years
    trial = Trial(
        keys={key: f"Bearer {getattr(stage.house.keys, key)}"},
        tenant="another" if key == "platform" else None,
        phases=PHASES,
        seconds=SECONDS,
    )
    gateway = stage.house.service("gateway")
    before = gateway.pid
    async with stage.client() as http:
        document = await described(http)
        found = attempt(trial, document, url=stage.house.url, folder=tmp_path)

    assert found == ""
    assert gateway.pid == before
    assert "request_crashed" not in gateway.log_text()
