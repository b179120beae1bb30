"""The judge of `make chaos-stream` finds fault with whoever keeps one rule less."""

import asyncio
import tempfile
from pathlib import Path

import pytest

from tests.chaos.stream.controls import CONTROLS, run_control

pytestmark = pytest.mark.slow


@pytest.mark.parametrize("name", CONTROLS)
async def test_a_rule_that_is_not_kept_is_noticed(nodes_folder: Path, name: str) -> None:
    folder = Path(tempfile.mkdtemp(prefix="control-", dir=nodes_folder))

    noticed = await asyncio.to_thread(run_control, name, folder, seed="1")

    assert noticed.ok, noticed
