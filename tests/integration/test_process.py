"""A process of ours is gone only when nothing of it is left."""

import os
from pathlib import Path

from deploy.local.process import Process, birth_mark
from tests.eventually import eventually


def a_process(tmp_path: Path) -> Process:
    return Process("sleeper", run=tmp_path, log=tmp_path / "log")


def test_a_killed_process_leaves_no_zombie(tmp_path: Path) -> None:
    for _ in range(20):
        process = a_process(tmp_path)
        pid = process.start(["sleep", "60"], env=os.environ)
        process.kill()

        assert not birth_mark(pid)
        assert not Path(f"/proc/{pid}").exists()


def test_a_process_is_found_again_by_its_pid_file(tmp_path: Path) -> None:
    pid = a_process(tmp_path).start(["sleep", "60"], env=os.environ)

    assert a_process(tmp_path).pid == pid

    a_process(tmp_path).kill()
    assert a_process(tmp_path).pid is None


def test_a_process_that_ignores_sigterm_is_killed_after_its_time(tmp_path: Path) -> None:
    process = a_process(tmp_path)
    process.start(["sh", "-c", "trap '' TERM; echo deaf; exec sleep 60"], env=os.environ)
    eventually(lambda: "deaf" in process.last_words())

    assert not process.stop(within=0.2)
    assert not process.is_running


def test_a_frozen_process_still_hears_a_stop(tmp_path: Path) -> None:
    process = a_process(tmp_path)
    process.start(["sleep", "60"], env=os.environ)
    process.freeze()

    assert process.stop(within=5)
