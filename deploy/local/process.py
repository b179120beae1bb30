"""One background process of ours, found again later by its pid file.

It never ends a process by name, and never one that only inherited our pid number.
"""

import contextlib
import os
import signal
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

from deploy.local.deadline import holds, wait_until
from deploy.local.errors import HouseError

DEATH_SECONDS = 10.0  # SIGKILL is at once; the rest is a machine with its disk full of work
FREEZE_SECONDS = 10.0  # the same: a thread that waits for its disk stops when it has its answer
PS_SECONDS = 5.0
STATE, THREADS, STARTED = 0, 17, 19  # in /proc/<pid>/stat after the command name: proc(5) - 3

# What this very process has started and must reap, whichever Process object looks at it next.
_children: set[int] = set()


class Process:
    """A process in a session of its own, with `<name>.pid` and a birth mark in `run`."""

    def __init__(self, name: str, *, run: Path, log: Path) -> None:
        """Describe it; nothing starts. An earlier one with this name is adopted if alive."""
        self.name = name
        self.log = log
        self.pid_file = run / f"{name}.pid"
        self._birth_file = run / f"{name}.birth"

    @property
    def pid(self) -> int | None:
        """The process id while it lives and is really ours, else None."""
        try:
            pid, birth = int(self.pid_file.read_text()), self._birth_file.read_text()
        except (OSError, ValueError):
            return None
        is_alive = not _is_reaped(pid) if pid in _children else birth == birth_mark(pid)
        return pid if is_alive else None

    @property
    def is_running(self) -> bool:
        """Whether it lives (a frozen one lives too)."""
        return self.pid is not None

    def start(
        self, command: Sequence[str], *, env: Mapping[str, str], cwd: Path | None = None
    ) -> int:
        """Start it and return its pid; its output is appended to the log.

        Raises:
            HouseError: it runs already, or the command cannot be run.
        """
        if self.is_running:
            message = f"{self.name} runs already"
            raise HouseError(message)
        self.pid_file.parent.mkdir(parents=True, exist_ok=True)
        self.log.parent.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            try:
                child = subprocess.Popen(
                    command,
                    env=dict(env),
                    cwd=cwd,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            except OSError as error:
                message = f"{self.name} cannot be started: {error}"
                raise HouseError(message) from error
        _children.add(child.pid)
        # The process may outlive us, on purpose; Popen would complain that nobody waited for it.
        child.returncode = 0
        self._birth_file.write_text(birth_mark(child.pid))
        self.pid_file.write_text(f"{child.pid}\n")
        return child.pid

    def signal(self, number: signal.Signals) -> None:
        """Send a signal to this process alone; nothing happens when it is gone."""
        pid = self.pid
        if pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, number)

    def stop(self, *, within: float) -> bool:
        """Ask it to end, and see to it; as `end`."""
        self.ask_to_end()
        return self.end(within=within)

    def ask_to_end(self) -> None:
        """Send SIGTERM, once: a second one means hurry."""
        self.signal(signal.SIGTERM)
        self.signal(signal.SIGCONT)  # a frozen process would never see the SIGTERM

    def end(self, *, within: float) -> bool:
        """Wait for the end of one that was asked; kill it when `within` seconds have passed.

        Returns:
            Whether it went by itself.

        Raises:
            NotReadyError: even a kill did not end it.
        """
        went = holds(lambda: not self.is_running, within=within)
        self.kill()
        return went

    def kill(self) -> None:
        """End it with SIGKILL and wait until it is gone.

        Raises:
            NotReadyError: it is still there after 10 s.
        """
        self.signal(signal.SIGKILL)
        self.wait_gone(within=DEATH_SECONDS)
        self.pid_file.unlink(missing_ok=True)
        self._birth_file.unlink(missing_ok=True)

    def wait_gone(self, *, within: float) -> None:
        """Wait until it has ended.

        Raises:
            NotReadyError: it lives on after `within` seconds.
        """
        gone = f"{self.name} does not end"
        wait_until(lambda: not self.is_running, within=within, otherwise=gone)

    def freeze(self) -> None:
        """Stop it in mid-step (SIGSTOP): sockets stay open, nothing answers.

        Raises:
            NotReadyError: some thread of it goes on after 10 s.
        """
        self.signal(signal.SIGSTOP)
        # kill(2) returns before that: it took 54 ms until the last thread stood, under load.
        otherwise = f"{self.name} does not freeze"
        wait_until(lambda: _stands_still(self.pid), within=FREEZE_SECONDS, otherwise=otherwise)

    def thaw(self) -> None:
        """Let a frozen process go on (SIGCONT)."""
        self.signal(signal.SIGCONT)

    def last_words(self, lines: int = 5) -> str:
        """Return the end of its log, for an error message."""
        if not self.log.exists():
            return "(no log)"
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-lines:])


def birth_mark(pid: int) -> str:
    """Return what tells this process from a later one with the same pid; "" when it is dead."""
    stat = Path(f"/proc/{pid}/stat")
    if not Path("/proc/self/stat").exists():
        return _birth_from_ps(pid)
    try:
        fields = stat.read_text().rpartition(")")[2].split()
    except OSError:
        return ""
    # A zombie with threads left still holds its ports and files.
    if fields[STATE] in "ZX" and int(fields[THREADS]) <= 1:
        return ""
    boot = Path("/proc/sys/kernel/random/boot_id").read_text().strip()
    return f"{boot} {fields[STARTED]}"


def _is_reaped(child: int) -> bool:
    """Take a dead child's exit status, or it stays a zombie for as long as we live."""
    try:
        ended, _ = os.waitpid(child, os.WNOHANG)
    except ChildProcessError:  # somebody else in this process took it
        ended = child
    if ended:
        _children.discard(child)
    return bool(ended)


def _stands_still(pid: int | None) -> bool:
    """Tell whether no thread of it can do another step; of a process that is gone none can."""
    if pid is None:
        return True
    if not Path("/proc/self/stat").exists():
        return _asked_of_ps(pid, "state=").startswith("T")
    states = (_state(thread) for thread in Path(f"/proc/{pid}/task").glob("*/stat"))
    return all(state in "TtZX" for state in states)


def _state(stat: Path) -> str:
    try:
        return stat.read_text().rpartition(")")[2].split()[STATE]
    except OSError:
        return "X"


def _birth_from_ps(pid: int) -> str:
    """Do the same without /proc (macOS)."""
    return _asked_of_ps(pid, "lstart=")


def _asked_of_ps(pid: int, column: str) -> str:
    ps = ["/bin/ps", "-o", column, "-p", str(pid)]
    answer = subprocess.run(ps, capture_output=True, text=True, timeout=PS_SECONDS, check=False)
    return answer.stdout.strip()
