"""A process of ours is gone only when nothing of it is left."""

import os
import sys
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


SPINS = """
import hashlib, threading
def spin():
    while True:
        hashlib.sha256(bytes(1 << 20)).digest()
for _ in range(4):
    threading.Thread(target=spin).start()
print("spins", flush=True)
"""


def test_nothing_of_a_frozen_process_goes_on(tmp_path: Path) -> None:
    process = a_process(tmp_path)
    pid = process.start([sys.executable, "-c", SPINS], env=os.environ)
    eventually(lambda: "spins" in process.last_words())

    for _ in range(5):
        process.freeze()
        assert threads_of(pid) == ["T"] * 5
        process.thaw()

    process.kill()


def threads_of(pid: int) -> list[str]:
    stats = Path(f"/proc/{pid}/task").glob("*/stat")
    return [stat.read_text().rpartition(")")[2].split()[0] for stat in stats]
