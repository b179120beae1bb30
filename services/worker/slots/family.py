"""A process and all its descendants, whatever session they moved to: find, stop, continue, kill.

Complete because every slot is a subreaper: whoever loses its parent there becomes its child.
"""

import os
import signal
import uuid
from collections import defaultdict
from collections.abc import Iterator
from typing import Final

_STARTED: Final = 19  # in /proc/<pid>/stat after the name: proc(5) - 3
_PAGE: Final = os.sysconf("SC_PAGE_SIZE")
_ROUNDS: Final = 10  # a walk misses whoever is being forked; nobody forks once all are stopped


def children_by_parent() -> dict[int, list[int]]:
    """Return the process ids of this machine under their parents'."""
    families: dict[int, list[int]] = defaultdict(list)
    for name in os.listdir("/proc"):  # noqa: PTH208 - names are all it needs
        if name.isdigit():
            parent = _parent_of(name)
            if parent is not None:
                families[parent].append(int(name))
    return families


def family_of(root: int) -> list[int]:
    """Return `root` and its descendants, parents first."""
    families = children_by_parent()
    return list(_walk(root, families))


def stop(root: int) -> list[int]:
    """SIGSTOP the whole family; return it."""
    stopped: list[int] = []
    seen: set[int] = set()
    for _ in range(_ROUNDS):
        fresh = [pid for pid in family_of(root) if pid not in seen]
        if not fresh:
            break
        for pid in fresh:
            send(pid, signal.SIGSTOP)
        seen.update(fresh)
        stopped += fresh
    return stopped


def resume(root: int) -> None:
    """SIGCONT the whole family, children first."""
    for pid in reversed(family_of(root)):
        send(pid, signal.SIGCONT)


def kill(root: int) -> None:
    """SIGKILL the whole family; stopped first, so that nobody is forked meanwhile."""
    for pid in reversed(stop(root)):
        send(pid, signal.SIGKILL)


def send(pid: int, number: int) -> None:
    """Send a signal; whoever is gone needs none."""
    try:
        os.kill(pid, number)
    except (ProcessLookupError, PermissionError):
        return  # gone, or it took another user's rights and is out of reach


def resident_bytes(pid: int) -> int:
    """Return how much memory a process has of its own and shares; 0 when it is gone."""
    fields = _read(f"/proc/{pid}/statm").split()
    return int(fields[1]) * _PAGE if fields else 0


def kill_marked(mark: bytes) -> None:
    """SIGKILL whoever was started with `mark` ("NAME=value") in its environment, until none is."""
    for _ in range(_ROUNDS):
        marked = list(_marked_with(mark))
        for pid in marked:
            send(pid, signal.SIGKILL)
        if not marked:
            break


def new_mark(name: str) -> str:
    """Return "NAME=value" for the environment of all that this process starts: who, and once."""
    return f"{name}={_pid_namespace()}/{os.getpid()}/{_started_at(os.getpid())}/{uuid.uuid4()}"


def kill_abandoned(name: str) -> int:
    """SIGKILL whoever has a mark of `name` from a process that is gone; return how many.

    When worker and zygote are killed in one blow, nobody is left to clear up what a handler started
    in a session of its own: the next worker on this machine does.
    """
    abandoned = [pid for pid, mark in _marks(f"{name}=".encode()) if _is_abandoned(mark)]
    for pid in abandoned:
        send(pid, signal.SIGKILL)
    return len(abandoned)


def _marks(start: bytes) -> Iterator[tuple[int, str]]:
    for name in os.listdir("/proc"):  # noqa: PTH208 - names are all it needs
        if name.isdigit():
            for entry in _read(f"/proc/{name}/environ").split(b"\0"):
                if entry.startswith(start):
                    yield int(name), entry.removeprefix(start).decode(errors="replace")


def _is_abandoned(mark: str) -> bool:
    namespace, _, rest = mark.partition("/")
    pid, _, rest = rest.partition("/")
    started, _, _ = rest.partition("/")
    if namespace != _pid_namespace() or not pid.isdigit():
        return False  # a number means nothing in another container
    return _started_at(int(pid)) != started


def _pid_namespace() -> str:
    return os.readlink("/proc/self/ns/pid")  # noqa: PTH115 - a text, not a path


def _started_at(pid: int) -> str:
    """Return what tells a process from a later one of its number; "" when it is gone."""
    fields = _read(f"/proc/{pid}/stat").rpartition(b")")[2].split()
    return "" if not fields or fields[0] in b"ZX" else fields[_STARTED].decode()


def _marked_with(mark: bytes) -> Iterator[int]:
    for name in os.listdir("/proc"):  # noqa: PTH208 - names are all it needs
        # a process that is dead but not yet buried has an empty environment
        if name.isdigit() and mark in _read(f"/proc/{name}/environ").split(b"\0"):
            yield int(name)


def _walk(root: int, families: dict[int, list[int]]) -> Iterator[int]:
    waiting = [root]
    while waiting:
        pid = waiting.pop()
        yield pid
        waiting += families.get(pid, ())


def _parent_of(name: str) -> int | None:
    # "pid (name) state ppid ...": the name may hold spaces and brackets
    fields = _read(f"/proc/{name}/stat").rpartition(b")")[2].split()
    return int(fields[1]) if fields else None


def _read(path: str) -> bytes:
    try:
        with open(path, "rb", buffering=0) as file:  # noqa: PTH123 - a thousand of them per walk
            return file.read() or b""
    except OSError:
        return b""
