"""Node, and what it runs of clients/js; `nodes` is a fixture to import."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
from playwright._impl._driver import compute_driver_executable

from tests.notifier_process import NotifierProcess, token_for

OLDEST_NODE = 20
CLIENT = Path(__file__).parents[2] / "clients" / "js"
REAL = CLIENT / "tests" / "real" / "notifier.test.js"
SUBSCRIPTIONS = 3  # that notifier.test.js has in all
WITHIN_SECONDS = 110

Done = subprocess.CompletedProcess[str]


@pytest.fixture(scope="session")
def nodes() -> list[str]:
    """Node 20 or later: the one on PATH, and the one that playwright brings."""
    own = str(Path(compute_driver_executable()[0]))
    found = shutil.which("node")
    return [node for node in (found, own) if node and _major(node) >= OLDEST_NODE]


def run(command: list[str], **told: str) -> Done:
    environment = {**os.environ, "NO_COLOR": "1", **told}
    return subprocess.run(
        command, cwd=CLIENT, env=environment, timeout=WITHIN_SECONDS, text=True, check=False,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def run_tests(node: list[str], *files: Path, **told: str) -> Done:
    return run([*node, "--test", "--test-reporter=tap", *map(str, files)], **told)


def with_websocket(node: str) -> list[str]:
    """How to start it so that it has one."""
    has_one = run([node, "-p", "typeof WebSocket"]).stdout.strip() == "function"
    return [node] if has_one else [node, "--experimental-websocket"]  # before Node 22


def follow(node: list[str], way: str, url: str, job: str) -> Done:
    """Run notifier.test.js; `way` is "websocket" or "sse"."""
    told = {
        "WAYMARK_STREAM_URL": url,
        "WAYMARK_TOKEN": token_for([job]),
        "WAYMARK_FEED_TOKEN": token_for([], feed=True),
        "WAYMARK_JOB": job,
        "WAYMARK_WAY": way,
    }
    return run_tests(node, REAL, **told)


def followed(done: Done) -> dict[str, Any]:
    """What it has seen of the job: its steps, how much progress, and the connection's states."""
    assert done.returncode == 0, done.stdout[-8_000:]
    told: dict[str, Any] = json.loads(re.findall(r"followed (\{.*\})", done.stdout)[0])
    return told


def are_there(notifier: NotifierProcess, followers: int = 1) -> bool:
    """Whether each of them follows the job, and the feed with the job beside it."""
    told = notifier.answer("/metrics")[1]
    counted = re.search(r"^waymark_notifier_subscriptions (\S+)", told, re.MULTILINE)
    return counted is not None and float(counted[1]) >= SUBSCRIPTIONS * followers


def _major(node: str) -> int:
    version = re.match(r"v(\d+)\.", run([node, "--version"]).stdout)
    return int(version[1]) if version else 0
