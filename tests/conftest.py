"""Markers from folders, Hypothesis profiles, a clean end. No infrastructure starts by itself."""

import os
import signal
from pathlib import Path
from types import FrameType
from typing import Never

import pytest
from hypothesis import HealthCheck, settings

pytest_plugins = ["tests.nodes"]

TESTS = Path(__file__).parent

settings.register_profile("dev", max_examples=50, deadline=None)
# CI runs the same examples every time: a red build must be about the change.
settings.register_profile("ci", max_examples=300, deadline=None, derandomize=True)
settings.register_profile(
    "nightly", max_examples=5_000, deadline=None, suppress_health_check=[HealthCheck.too_slow]
)
settings.load_profile(
    os.environ.get("HYPOTHESIS_PROFILE", "ci" if os.environ.get("CI") == "true" else "dev")
)


def pytest_configure() -> None:
    """Let fixtures end their nodes also when somebody ends pytest with SIGTERM."""
    signal.signal(signal.SIGTERM, _interrupt)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Mark every test with the name of its folder: unit, contract, integration …"""
    for item in items:
        item.add_marker(item.path.relative_to(TESTS).parts[0])


def _interrupt(_number: int, _frame: FrameType | None) -> Never:
    raise KeyboardInterrupt
