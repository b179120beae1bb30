"""The alerts as they lie in the repository, read as what they are; nothing of promtool in here."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import yaml

from tests.architecture.sources import REPO

PROMETHEUS = REPO / "deploy" / "observability" / "prometheus"
ALERTMANAGER = REPO / "deploy" / "observability" / "alertmanager" / "alertmanager.yml"
ALERT_FILES = sorted((PROMETHEUS / "alerts").glob("*.yml"))
RULE_FILES = sorted((PROMETHEUS / "rules").glob("*.yml"))
TEST_FILES = sorted((PROMETHEUS / "tests").glob("*.yml"))


@dataclass(frozen=True)
class Alert:
    """One alerting rule; an alert of several severities has one for each."""

    name: str
    expr: str
    labels: dict[str, str]
    annotations: dict[str, str]


def alerts_of(file: Path) -> list[Alert]:
    """Return the rules of a file."""
    return [
        Alert(rule["alert"], rule["expr"], rule["labels"], rule["annotations"])
        for group in _read(file)["groups"]
        for rule in group["rules"]
    ]


def verdicts(alert: str) -> Iterator[tuple[dict[str, str], ...]]:
    """Yield what each test of an alert expects: the labels of what fires, () where it is silent."""
    for file in TEST_FILES:
        for case in _read(file)["tests"]:
            for check in case["alert_rule_test"]:
                if check["alertname"] == alert:
                    yield tuple(each["exp_labels"] for each in check["exp_alerts"])


def anchors(page: Path) -> set[str]:
    """Return where a link into a page may lead: its headings, as GitHub spells them."""
    headings = re.findall(r"(?m)^#+ (.+)$", page.read_text())
    return {re.sub(r"[^\w\- ]", "", each.lower()).replace(" ", "-") for each in headings}


@cache
def _read(file: Path) -> Any:
    return yaml.safe_load(file.read_text())
