"""Death in the slots: of a handler, its family, the zygote, the worker; and nobody else's."""

import dataclasses
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from services.worker.slots.client import SlotsUnavailable, ZygoteSlots
from services.worker.slots.terms import Assignment, Died, Raised, Returned
from tests.eventually import eventually
from tests.integration.slots_running import (
    assignment,
    await_family,
    end_of,
    is_alive,
    pids_in,
    run,
    slots_with,
)


@pytest.fixture(scope="module")
def slots() -> Iterator[ZygoteSlots]:
    with slots_with() as started:
        yield started


@pytest.fixture
def doomed_slots() -> Iterator[ZygoteSlots]:
    with slots_with() as started:
        yield started


@pytest.mark.parametrize("kind", ["spin", "spin_in_c", "stubborn"])
def test_a_kill_ends_a_handler_that_listens_to_nothing(slots: ZygoteSlots, kind: str) -> None:
    slot = slots.start(assignment(kind))
    assert slot.next_event(0.2) is None
    slot.interrupt("soft_limit")
    if kind != "spin":
        slot.terminate()
    asked = time.monotonic()
    slot.kill()
    end = end_of(slot)

    assert time.monotonic() - asked < 2.0
    assert isinstance(end, Died | Raised)
    if isinstance(end, Died):
        assert end.signal == signal.SIGKILL or kind == "spin_in_c"
        assert end.peak_rss > 2**20
    assert run(slots, "echo", text="next") == Returned('"next"')


def test_a_kill_that_meets_a_finished_attempt_does_not_hit_the_next(slots: ZygoteSlots) -> None:
    for number in range(60):
        first = slots.start(assignment("echo", text="first"))
        if number % 3:
            first.kill()
        else:
            first.terminate()
        assert isinstance(end_of(first), Returned | Died)
        for _ in range(2):
            assert run(slots, "echo", text="next") == Returned('"next"')


def test_terminate_ends_a_handler_that_did_not_listen(slots: ZygoteSlots) -> None:
    slot = slots.start(assignment("spin_in_c"))
    assert slot.next_event(0.2) is None
    slot.terminate()
    died = end_of(slot)

    assert isinstance(died, Died)
    assert died.signal == signal.SIGTERM


@pytest.mark.parametrize("sessions", [False, True])
def test_a_kill_takes_the_whole_family_along(
    slots: ZygoteSlots, tmp_path: Path, *, sessions: bool
) -> None:
    slot = slots.start(
        assignment("leave_family", folder=str(tmp_path), seconds=600, sessions=sessions)
    )
    pids = await_family(tmp_path)
    assert all(map(is_alive, pids))
    slot.kill()
    end_of(slot)

    assert not any(map(is_alive, pids))


def test_what_a_handler_leaves_behind_is_gone_when_its_result_is_told(
    slots: ZygoteSlots, tmp_path: Path
) -> None:
    end = run(slots, "leave_family", folder=str(tmp_path), seconds=0)

    assert end == Returned('"left them"')
    assert len(pids_in(tmp_path)) == 2
    assert not any(map(is_alive, pids_in(tmp_path)))


def test_a_daemon_that_forked_twice_is_found(slots: ZygoteSlots, tmp_path: Path) -> None:
    end = run(slots, "daemonise", folder=str(tmp_path))

    assert end == Returned('"left it"')
    assert not any(map(is_alive, pids_in(tmp_path)))


def test_a_slot_that_dies_says_how(slots: ZygoteSlots) -> None:
    by_signal = run(slots, "segfault")
    by_exit = run(slots, "exit", status=7)

    assert isinstance(by_signal, Died)
    assert (by_signal.signal, by_signal.exit_code) == (signal.SIGSEGV, None)
    assert isinstance(by_exit, Died)
    assert (by_exit.signal, by_exit.exit_code) == (None, 7)


def test_a_slot_that_outgrows_its_type_is_killed_and_no_other(slots: ZygoteSlots) -> None:
    fat = slots.start(_bounded(assignment("fat", job="job-fat", megabytes=300, seconds=30)))
    slim = slots.start(_bounded(assignment("fat", job="job-slim", megabytes=1, seconds=1)))
    died = end_of(fat)

    assert isinstance(died, Died)
    assert (died.signal, died.overgrown) == (signal.SIGKILL, True)
    assert died.peak_rss > 200 << 20
    assert end_of(slim) == Returned(str(1 << 20))


def test_a_type_without_a_bound_may_grow_in_the_process_of_one_with(slots: ZygoteSlots) -> None:
    bounded = _bounded(assignment("fat", megabytes=1, seconds=0))
    assert end_of(slots.start(bounded)) == Returned("1048576")
    grown = slots.start(assignment("fat", megabytes=300, seconds=0.4))

    assert end_of(grown) == Returned(str(300 << 20))


def test_a_dying_slot_leaves_its_siblings_alone(slots: ZygoteSlots, tmp_path: Path) -> None:
    sibling = slots.start(
        assignment("leave_family", job="sibling", folder=str(tmp_path), seconds=1.0)
    )
    family = await_family(tmp_path)
    for kind in ("segfault", "exit"):
        payload = {"status": 1} if kind == "exit" else {}
        assert isinstance(run(slots, kind, **payload), Died)
    assert all(map(is_alive, family))

    assert end_of(sibling) == Returned('"left them"')


def test_when_the_zygote_dies_everything_it_started_dies(
    doomed_slots: ZygoteSlots, tmp_path: Path
) -> None:
    slot = doomed_slots.start(assignment("leave_family", folder=str(tmp_path), seconds=600))
    family = await_family(tmp_path)
    os.kill(doomed_slots._process.pid, signal.SIGKILL)
    died = end_of(slot)

    assert isinstance(died, Died)
    assert not doomed_slots.alive
    eventually(lambda: not any(map(is_alive, family)), within=2)
    with pytest.raises(SlotsUnavailable):
        doomed_slots.start(assignment("echo"))


@pytest.mark.parametrize("number", [signal.SIGKILL, signal.SIGTERM])
def test_when_the_worker_dies_everything_it_started_dies(
    tmp_path: Path, number: signal.Signals
) -> None:
    worker, family = _worker_process(tmp_path)
    worker.send_signal(number)
    worker.wait(5)

    eventually(lambda: not any(map(is_alive, family)), within=3)


def test_a_zygote_that_is_stuck_is_given_up_and_everything_it_started_dies(tmp_path: Path) -> None:
    with slots_with() as slots:
        slot = slots.start(assignment("leave_family", folder=str(tmp_path), seconds=600))
        family = await_family(tmp_path)
        os.kill(slots._process.pid, signal.SIGSTOP)

        assert isinstance(end_of(slot, within=15), Died)
        assert not slots.alive
        assert not any(map(is_alive, family))


def test_what_outlives_worker_and_zygote_is_ended_by_the_next_worker(tmp_path: Path) -> None:
    worker, family = _worker_process(tmp_path)
    os.kill(family[-1], signal.SIGSTOP)  # so that its zygote clears nothing up
    worker.kill()
    worker.wait(5)
    assert all(map(is_alive, family))
    with slots_with():
        eventually(lambda: not any(map(is_alive, family)), within=3)


def test_close_kills_what_still_runs(tmp_path: Path) -> None:
    with slots_with() as slots:
        slot = slots.start(assignment("leave_family", folder=str(tmp_path), seconds=600))
        family = await_family(tmp_path)

    assert isinstance(end_of(slot), Died)
    assert not any(map(is_alive, family))


def test_two_hundred_attempts_leave_no_descriptor_and_no_zombie(slots: ZygoteSlots) -> None:
    run(slots, "echo", text="warm")
    run(slots, "exit", status=0)
    zygote = slots._process.pid
    before = (_descriptors(os.getpid()), _descriptors(zygote))
    for number in range(200):
        kind, payload = ("exit", {"status": 0}) if number % 10 == 0 else ("echo", {"text": "x"})
        run(slots, kind, **payload)
    run(slots, "exit", status=0)

    # the one socket of an idle child comes and goes
    assert _descriptors(os.getpid()) <= before[0] + 1
    assert _descriptors(zygote) <= before[1]
    assert _children(zygote) <= 1


def _descriptors(pid: int) -> int:
    return len(list(Path(f"/proc/{pid}/fd").iterdir()))


def _children(pid: int) -> int:
    stats = (_stat(file.name) for file in Path("/proc").iterdir() if file.name.isdigit())
    return sum(1 for fields in stats if len(fields) > 1 and int(fields[1]) == pid)


def _worker_process(tmp_path: Path) -> tuple["subprocess.Popen[bytes]", list[int]]:
    """A process that runs one attempt, and all that it has started; the last is its zygote."""
    script = (
        "import sys\n"
        "from tests.integration.slots_running import JOBS, assignment\n"
        "from services.worker.slots.client import ZygoteSlots\n"
        "slots = ZygoteSlots([JOBS], lease=15)\n"
        "slot = slots.start(assignment('leave_family', folder=sys.argv[1], seconds=600))\n"
        "open(sys.argv[2], 'w').write(str(slots._process.pid))\n"
        "slot.next_event(600)\n"
    )
    folder, told = tmp_path / "family", tmp_path / "zygote"
    folder.mkdir()
    worker = subprocess.Popen([sys.executable, "-c", script, str(folder), str(told)])
    family = await_family(folder)
    family.append(int(eventually(lambda: told.exists() and told.read_text())))
    return worker, family


def _stat(name: str) -> list[str]:
    try:
        return Path(f"/proc/{name}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return []


def _bounded(asked: Assignment) -> Assignment:
    return dataclasses.replace(asked, max_rss=200 << 20)
