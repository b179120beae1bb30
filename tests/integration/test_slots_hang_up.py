"""A worker that is gone means that its slots leave quietly, whatever it had left unread."""

import socket
import subprocess
import sys
from pathlib import Path

from services.worker.slots.wire import FromSlot, Result, Run, encode, reader_of_slot
from tests.integration.slots_running import JOBS, assignment

SLOT = """
import socket, sys
from services.worker.slots.loading import load
from services.worker.slots.slot import Child
load([sys.argv[2]])
Child(socket.socket(fileno=int(sys.argv[1])), patience=60.0).serve()
"""
START_SECONDS = 20.0


def start_slot(theirs: socket.socket, errors: Path) -> subprocess.Popen[bytes]:
    with errors.open("wb") as log:
        return subprocess.Popen(
            [sys.executable, "-c", SLOT, str(theirs.fileno()), JOBS],
            pass_fds=(theirs.fileno(),),
            stderr=log,
        )


def frames_left_unread(ours: socket.socket) -> list[FromSlot]:
    """Wait for the slot's frames and look at them without taking them."""
    ours.settimeout(START_SECONDS)
    return list(reader_of_slot().feed(ours.recv(65_536, socket.MSG_PEEK)))


def test_a_slot_whose_worker_died_with_a_result_unread_leaves_without_a_word(
    tmp_path: Path,
) -> None:
    errors = tmp_path / "stderr"
    ours, theirs = socket.socketpair()
    with theirs:
        slot = start_slot(theirs, errors)
    ours.sendall(encode(Run(1, assignment("echo", text="x"))))
    unread = frames_left_unread(ours)
    ours.close()  # with something unread the kernel resets: what a killed worker does
    status = slot.wait(START_SECONDS)

    assert unread == [Result('"x"', reusable=True)]
    assert (status, errors.read_text()) == (0, "")
