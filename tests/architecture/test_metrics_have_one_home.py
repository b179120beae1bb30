"""A metric is named in a metrics.py, or in shared/runtime/metrics for several; docs name real ones.

Recording rules, alerts and dashboards are read against the same list where they live.
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from docs.instruments import instruments
from tests.architecture.sources import REPO, modules, name_of

SHARED_HOME = REPO / "shared" / "runtime" / "metrics"
NO_METRICS = {"waymark_current"}  # a context variable
NAMED = re.compile(r"\bwaymark_[a-z0-9_]*[a-z0-9]\b(?!…)")
SUFFIXES = ("_bucket", "_count", "_sum")
PAGES = sorted(page for page in (REPO / "docs").rglob("*.md") if page.name != "metrics.md")


def names_in(file: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.Constant) and isinstance(node.value, str):
            found = NAMED.fullmatch(node.value)
            if found:
                yield found[0]


def test_only_metrics_modules_name_metrics() -> None:
    elsewhere = {
        f"{name_of(file)}: {name}"
        for file in modules("services", "shared")
        if file.name != "metrics.py" and SHARED_HOME not in file.parents
        for name in names_in(file)
        if name not in NO_METRICS
    }

    assert elsewhere == set()


@pytest.mark.parametrize("page", PAGES, ids=name_of)
def test_docs_name_metrics_that_exist(page: Path) -> None:
    known = {family.name for family in instruments()}
    series = {f"{name}{suffix}" for name in known for suffix in SUFFIXES}
    named = set(NAMED.findall(page.read_text()))
    guesses = {name for name in named if name.endswith(("_total", "_seconds", *SUFFIXES))}

    assert guesses <= known | series


def test_counters_end_in_total_and_nothing_else_does() -> None:
    wrong = [
        family.name
        for family in instruments()
        if (family.kind == "counter") != family.name.endswith("_total")
    ]

    assert wrong == []
