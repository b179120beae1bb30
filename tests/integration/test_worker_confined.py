"""A worker does all its work where deploy/kubernetes puts it.

Another user without a capability or a way to get one, everything read-only but a small /tmp.
"""

import shutil
import signal
import subprocess
import sys
import sysconfig
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest

from shared.contracts.job import Outcome
from shared.contracts.lifecycle import State
from tests.eventually import eventually
from tests.integration.worker_running import House, RunningWorker
from tests.manifests.reading import objects_as_they_stand
from tests.manifests.workloads import workloads

(WORKER,) = (
    each for each in workloads(objects_as_they_stand(), {}) if each.name == "waymark-worker"
)
USER = str(WORKER.pod["securityContext"]["runAsUser"])
GROUP = str(WORKER.pod["securityContext"]["runAsGroup"])
PROBE_SECONDS = 20
# The interpreter is mounted anew: on a developer's machine it may lie where no other user comes.
SURROUNDINGS = (
    f"mount --make-rprivate / && mount --bind {sys.base_prefix} /mnt"
    " && mount -o remount,bind,ro / && mount -t tmpfs -o size=64m tmpfs /tmp"
    ' && exec setpriv --no-new-privs --bounding-set=-all --inh-caps=-all --clear-groups "$@"'
)
PYTHON = (
    *("unshare", "--mount", "sh", "-c", SURROUNDINGS, "sh", f"--reuid={USER}", f"--regid={GROUP}"),
    *("env", f"PYTHONPATH={sysconfig.get_path('purelib')}", "LD_LIBRARY_PATH=/mnt/lib"),
    f"/mnt/bin/python{sys.version_info.major}.{sys.version_info.minor}",
)


@pytest.fixture
def confined() -> tuple[str, ...]:
    """How to start an interpreter as the kubelet would."""
    if shutil.which("unshare") is None or shutil.which("setpriv") is None:
        pytest.skip("needs unshare and setpriv: the package util-linux")
    command = [*PYTHON, "-c", "import services.worker, redis"]
    tried = subprocess.run(command, check=False, capture_output=True, timeout=PROBE_SECONDS)
    if tried.returncode != 0:
        pytest.skip("needs root, and our packages where another user may read them")
    return PYTHON


@pytest.fixture
def house(amqp_url: str, redis_url: str, tmp_path: Path) -> Iterator[House]:
    built = House(amqp_url, redis_url, tmp_path)
    yield built
    built.close()


def status_of(worker: RunningWorker) -> Mapping[str, str]:
    """What the kernel says of its process."""
    lines = Path(f"/proc/{worker.process.pid}/status").read_text().splitlines()
    return {name: value.strip() for name, _, value in (line.partition(":") for line in lines)}


def test_it_runs_kills_survives_crashes_and_drains_with_nothing_but_a_tmp(
    house: House, confined: tuple[str, ...]
) -> None:
    worker = house.start_worker(python=confined, drain_seconds=1)
    status = status_of(worker)
    assert status["Uid"].split() == [USER] * 4
    assert int(status["CapEff"], 16) == int(status["CapBnd"], 16) == 0
    assert status["NoNewPrivs"] == "1"

    crashing, endless = house.submit("w.crash"), house.submit("w.endless", max_attempts=1)
    crashed = house.wait_state(crashing, State.FAILED)
    timed_out = house.wait_state(endless, State.FAILED)
    assert {attempt.outcome for attempt in crashed.attempts} == {Outcome.CRASHED}
    assert [attempt.outcome for attempt in timed_out.attempts] == [Outcome.TIMED_OUT]

    deaf = house.submit("w.deaf", seconds=60)
    house.wait_state(deaf, State.RUNNING)
    house.cancel(deaf, grace=0)
    house.wait_state(deaf, State.CANCELLED)
    house.wait_state(house.submit("w.echo", text="still here"), State.SUCCEEDED)

    running = house.submit("w.sleep", seconds=60)
    house.wait_state(running, State.RUNNING)
    worker.told(signal.SIGTERM)
    assert worker.ended() == 0
    assert house.read(running).state is State.QUEUED
    eventually(lambda: house.waiting() == {running})
