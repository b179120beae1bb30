"""Chromium."""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, sync_playwright

CHROMIUMS = ("chromium", "chromium-browser", "google-chrome")


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


def _give_up(reason: str) -> None:
    if os.environ.get("CI") == "true":
        pytest.fail(reason)
    pytest.skip(reason)
