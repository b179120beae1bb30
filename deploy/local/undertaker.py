"""Ends every process of a folder once its parent is gone, however that died.

    python -m deploy.local.undertaker FOLDER    # a pipe on stdin; works when the pipe closes

Tests start one beside their private nodes: a pytest that was itself killed leaves nothing behind.
"""

import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

from deploy.local.process import birth_mark

REPO = Path(__file__).resolve().parents[2]


def watch_over(folder: Path) -> "subprocess.Popen[bytes]":
    """Start an undertaker for `folder`; closing its stdin (or dying) sets it to work."""
    return subprocess.Popen(
        [sys.executable, "-m", "deploy.local.undertaker", str(folder)],
        cwd=REPO,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )


def bury(folder: Path) -> None:
    """Kill what the pid files under `folder` name, if it is still the same process; delete it."""
    for pid_file in folder.rglob("*.pid"):
        birth_file = pid_file.with_suffix(".birth")
        if not birth_file.exists():
            continue
        pid = int(pid_file.read_text())
        if birth_mark(pid) == birth_file.read_text():
            os.kill(pid, signal.SIGKILL)
    shutil.rmtree(folder, ignore_errors=True)


if __name__ == "__main__":
    sys.stdin.buffer.read()
    bury(Path(sys.argv[1]))
