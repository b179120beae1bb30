"""Paths that the documents name exist."""

import re
from pathlib import Path

import pytest

from tests.architecture.sources import REPO, functions, name_of
from tests.unit.deploy.observability.alerting import anchors

LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
ANCHOR = re.compile(r"\]\((?!https?:)([^)#\s]*\.md)?#([^)\s]+)\)")
PATH = re.compile(
    r"`((?:clients|deploy|docs|requirements|services|shared|tests)/[\w./-]*\w(?:/|\.\w+)?)`"
)
CODE = re.compile(r"`([^`\n]+)`")
GUARANTEES = REPO / "docs" / "guarantees.md"
TEST = re.compile(r"\b(test_\w+)\b(?!\.py)")
DOCUMENTS = sorted(
    file
    for file in [*REPO.glob("*.md"), *(REPO / "docs").rglob("*.md")]
    if "reference" not in file.parts
)


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_link_leads_somewhere(document: Path) -> None:
    broken = [
        link for link in LINK.findall(document.read_text()) if not (document.parent / link).exists()
    ]

    assert not broken


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_anchor_is_a_heading(document: Path) -> None:
    lost = [
        f"{page}#{anchor}"
        for page, anchor in ANCHOR.findall(document.read_text())
        if anchor not in anchors(document.parent / page if page else document)
    ]

    assert not lost


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_path_that_is_named_exists(document: Path) -> None:
    gone = [path for path in PATH.findall(document.read_text()) if not (REPO / path).exists()]

    assert not gone


@pytest.mark.parametrize("document", DOCUMENTS, ids=name_of)
def test_every_test_that_is_named_exists(document: Path) -> None:
    named = {name for words in CODE.findall(document.read_text()) for name in TEST.findall(words)}
    if not named:
        return
    ours = {each.name for file in (REPO / "tests").rglob("test_*.py") for each in functions(file)}

    assert named <= ours


def test_every_promise_names_a_test_that_keeps_it_or_says_what_is_missing() -> None:
    rows = re.findall(r"^\| (G\d+) \|.*\|(.*)\|(.*)\|$", GUARANTEES.read_text(), re.MULTILINE)
    empty = [
        name for name, tests, missing in rows if "`tests/" not in tests and not missing.strip()
    ]

    assert [name for name, _, _ in rows] == [f"G{number}" for number in range(1, 13)]
    assert not empty
