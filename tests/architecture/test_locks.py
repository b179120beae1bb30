"""Locks pin every package by hash and name no registry and no machine."""

import re
from pathlib import Path

import pytest

from tests.architecture.sources import REPO, name_of

LOCKS = sorted((REPO / "requirements").glob("*.txt"))
PINNED = re.compile(r"^([\w.-]+)==([^\s;]+)", re.MULTILINE)


def test_there_is_a_lock_for_every_image_and_for_developers() -> None:
    assert {file.stem for file in LOCKS} >= {"dev", "gateway", "worker", "notifier"}


@pytest.mark.parametrize("lock", LOCKS, ids=name_of)
def test_a_lock_names_no_address_and_no_folder(lock: Path) -> None:
    guilty = [
        line for line in lock.read_text().splitlines() if re.search(r"://|--index|^-f| /", line)
    ]

    assert not guilty


@pytest.mark.parametrize("lock", LOCKS, ids=name_of)
def test_every_package_has_a_hash(lock: Path) -> None:
    entries = re.split(r"\n(?=[\w.-]+==)", lock.read_text())[1:]

    assert entries
    assert all("--hash=sha256:" in entry for entry in entries)


@pytest.mark.parametrize("lock", LOCKS, ids=name_of)
def test_images_run_what_developers_tested(lock: Path) -> None:
    if lock.stem in {"dev", "demo", "bench"}:
        pytest.skip("nothing to compare")
    tested = dict(PINNED.findall((REPO / "requirements" / "dev.txt").read_text()))

    assert dict(PINNED.findall(lock.read_text())).items() <= tested.items()
