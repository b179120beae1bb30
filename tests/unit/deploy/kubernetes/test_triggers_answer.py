"""What the queries of the triggers answer, by promtool, on numbers as our services tell them."""

import json
import os
import re
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from tests.manifests.reading import objects_as_they_stand, of_kind

PROMTOOL_SECONDS = 30.0
LABELS = 'namespace="waymark"'
AGE = f'waymark_jobs_queue_oldest_age_seconds{{{LABELS},queue="default",pod="%s"}}'
PAUSED = f'waymark_queue_paused{{{LABELS},queue="default",pod="%s"}}'
OTHERS_AGE = f'waymark_jobs_queue_oldest_age_seconds{{{LABELS},queue="webhooks",pod="a"}}'
STRANGERS_AGE = 'waymark_jobs_queue_oldest_age_seconds{namespace="other",queue="default"}'
CONNECTIONS = f'waymark_notifier_connections{{{LABELS},pod="%s"}}'


def query_of(scaled: str) -> str:
    """The query of the one Prometheus trigger of a ScaledObject."""
    (found,) = (
        trigger["metadata"]["query"]
        for each in of_kind("ScaledObject", objects_as_they_stand())
        for trigger in each["spec"]["triggers"]
        if each["metadata"]["name"] == scaled and trigger["type"] == "prometheus"
    )
    return str(found)


@pytest.fixture
def promtool() -> str:
    found = shutil.which("promtool")
    if found is None and os.environ.get("CI") == "true":
        pytest.fail("needs promtool: the package prometheus")
    return found or pytest.skip("needs promtool: the package prometheus")


@pytest.mark.parametrize(
    ("scaled", "told", "answer"),
    [
        pytest.param(
            "waymark-worker",
            {AGE % "a": 40, AGE % "b": 35, PAUSED % "a": 0, PAUSED % "b": 0, OTHERS_AGE: 900},
            40,
            id="the highest age of its own queue",
        ),
        pytest.param(
            "waymark-worker",
            {AGE % "a": 4000, PAUSED % "a": 1, AGE % "b": 3999, PAUSED % "b": 0},
            0,
            id="nothing while the queue is paused",
        ),
        pytest.param(
            "waymark-worker", {AGE % "a": 0, PAUSED % "a": 0}, 0, id="nothing when none waits"
        ),
        pytest.param(
            "waymark-worker", {STRANGERS_AGE: 70}, None, id="no answer when nobody of ours tells"
        ),
        pytest.param(
            "waymark-notifier",
            {CONNECTIONS % "a": 700, CONNECTIONS % "b": 800},
            1500,
            id="all connections",
        ),
        pytest.param("waymark-notifier", {}, None, id="no answer without a notifier"),
    ],
)
def test_a_trigger_asks_what_it_should(
    scaled: str, told: dict[str, int], answer: int | None, promtool: str, tmp_path: Path
) -> None:
    samples = [] if answer is None else [{"labels": "{}", "value": answer}]
    case = {
        "interval": "15s",
        "input_series": [{"series": name, "values": f"{at}x4"} for name, at in told.items()],
        "promql_expr_test": [
            {"expr": query_of(scaled), "eval_time": "45s", "exp_samples": samples}
        ],
    }

    done = ask(promtool, tmp_path, case)

    assert done.returncode == 0, done.stdout + done.stderr


def test_a_wrong_expectation_is_refused(promtool: str, tmp_path: Path) -> None:
    wrong: dict[str, Any] = {
        "input_series": [{"series": CONNECTIONS % "a", "values": "7x4"}],
        "promql_expr_test": [
            {
                "expr": query_of("waymark-notifier"),
                "eval_time": "45s",
                "exp_samples": [{"labels": "{}", "value": 8}],
            }
        ],
    }

    said = ask(promtool, tmp_path, wrong)

    assert said.returncode != 0
    assert re.search(r"exp:\s*\{\} 8", said.stdout + said.stderr)


def ask(promtool: str, folder: Path, case: dict[str, Any]) -> "subprocess.CompletedProcess[str]":
    file = folder / "case.yml"
    file.write_text(json.dumps({"rule_files": [], "tests": [case]}))
    return subprocess.run(
        [promtool, "test", "rules", file],
        check=False,
        capture_output=True,
        text=True,
        timeout=PROMTOOL_SECONDS,
    )
