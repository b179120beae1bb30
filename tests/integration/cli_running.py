"""The command line as a process, against a small fake house on loopback."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator

import pytest

from tests.fakes.public_api import AT, FakeHouse


@pytest.fixture
def house() -> Iterator[FakeHouse]:
    house = FakeHouse()
    yield house
    house.close()


def environment(house: FakeHouse) -> dict[str, str]:
    return os.environ | {
        "WAYMARK_URL": house.url,
        "WAYMARK_STREAM_URL": house.stream_url,
        "WAYMARK_API_KEY": "wm_k_s",
        "COLUMNS": "120",
    }


def waymark(
    house: FakeHouse, *words: str, stdin: str | None = None
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "clients.cli", *words],
        env=environment(house),
        input=stdin,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )


def states_in(text: str) -> list[str]:
    return re.findall(rf"^{re.escape(AT)}  (\w+)", text, flags=re.MULTILINE)
