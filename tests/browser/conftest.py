"""Where JavaScript runs: the Nodes of this machine, and Chromium."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright._impl._driver import compute_driver_executable
from playwright.sync_api import Browser, sync_playwright

OLDEST_NODE = 20
CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")


@pytest.fixture(scope="session")
def nodes() -> list[str]:
    """Node 20 or later: the one on PATH, and the one that playwright brings."""
    own = str(Path(compute_driver_executable()[0]))
    found = shutil.which("node")
    return [node for node in (found, own) if node and _major(node) >= OLDEST_NODE]


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Chromium; without one, skips, and in CI fails."""
    with sync_playwright() as playwright:
        program = next(filter(None, map(shutil.which, CHROMIUMS)), None)
        program = program or playwright.chromium.executable_path
        if not Path(program).exists():
            _give_up("needs Chromium: sudo apt-get install chromium")
        # A sandbox needs rights that root in a container does not have; the pages are our own.
        chromium = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield chromium
        chromium.close()


def _major(node: str) -> int:
    command = [node, "--version"]
    told = subprocess.run(command, capture_output=True, text=True, timeout=20, check=True)
    version = re.match(r"v(\d+)\.", told.stdout)
    return int(version[1]) if version else 0


def _give_up(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
