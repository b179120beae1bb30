"""Paths that the documents name exist."""

import re
from pathlib import Path

import pytest

from tests.architecture.sources import REPO, name_of

LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)")
PATH = re.compile(
    r"`((?:clients|deploy|docs|requirements|services|shared|tests)/[\w./-]*\w(?:/|\.\w+)?)`"
)
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
def test_every_path_that_is_named_exists(document: Path) -> None:
    gone = [path for path in PATH.findall(document.read_text()) if not (REPO / path).exists()]

    assert not gone
