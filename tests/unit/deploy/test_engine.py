"""A container engine counts only when it answers, and soon."""

import time
from pathlib import Path

import pytest

from deploy.local.engine import docker, engine_answers
from deploy.local.errors import HouseError


@pytest.fixture
def docker_does(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A `docker` command to be written by the test, the only one on PATH."""
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return tmp_path / "docker"


def write(command: Path, body: str) -> None:
    command.write_text(f"#!/bin/sh\n{body}\n")
    command.chmod(0o755)


def test_an_engine_that_answers_counts(docker_does: Path) -> None:
    write(docker_does, "exit 0")

    assert engine_answers()


def test_a_client_without_its_daemon_does_not_count(docker_does: Path) -> None:
    write(docker_does, "echo 'Cannot connect to the Docker daemon' >&2; exit 1")

    assert not engine_answers()


def test_a_hanging_engine_is_given_up(docker_does: Path) -> None:
    write(docker_does, "exec sleep 60")
    began = time.monotonic()

    assert not engine_answers(within=0.2)
    assert time.monotonic() - began < 5


def test_a_refused_command_says_why_in_one_line(docker_does: Path) -> None:
    write(docker_does, "echo 'no such image' >&2; exit 125")

    with pytest.raises(HouseError, match=r"^docker run: no such image$"):
        docker(["run", "nothing"])
