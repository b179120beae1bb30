"""Job types for the slot tests: each does one odd thing. Loaded by a zygote, never by pytest."""

import asyncio
import ctypes
import io
import os
import resource
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

from opentelemetry import trace

from services.worker import Cancelled, Fail, Retry, Shutdown, SoftTimeLimit, current, job, track

_leaked: list[int] = []


@job("odd.echo")
def echo(text: str = "") -> str:
    return text


@job("odd.pid")
def pid() -> int:
    return os.getpid()


@job("odd.traced")
def traced() -> dict[str, object]:
    return _what_is_known_of_the_trace()


@job("odd.traced_async")
async def traced_async() -> dict[str, object]:
    await asyncio.sleep(0)
    return _what_is_known_of_the_trace()


def _what_is_known_of_the_trace() -> dict[str, object]:
    span = trace.get_current_span().get_span_context()
    return {
        "traceparent": current().traceparent,
        "headers": dict(current().trace_headers),
        "otel": f"00-{span.trace_id:032x}-{span.span_id:016x}-{span.trace_flags:02x}",
        "state": span.trace_state.to_header(),
    }


@job("odd.once", max_jobs_per_child=1)
def once() -> int:
    return os.getpid()


@job("odd.ask")
def ask(seconds: float) -> str:
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if current().cancelled:
            return "stopped"
        time.sleep(0.02)
    return "done"


@job("odd.fat", max_rss="200MiB")
def fat(megabytes: int, seconds: float) -> int:
    ballast = b"x" * (megabytes << 20)
    time.sleep(seconds)
    return len(ballast)


@job("odd.whoami")
def whoami() -> dict[str, object]:
    here = current()
    return {
        "job": here.job_id,
        "tenant": here.tenant,
        "attempt": here.attempt,
        "key": here.idempotency_key,
        "resume": here.resume,
        "deadline": here.deadline is not None,
        "session": os.getsid(0) == os.getpid(),
    }


@job("odd.raise", retry_on=[KeyError], never_on=[ZeroDivisionError])
def raise_it(kind: str) -> None:
    faults: dict[str, BaseException] = {
        "fail": Fail("card declined", code="declined", details={"bank": "says no"}),
        "retry": Retry("later", after="90s"),
        "retry later": Retry("later", at_least="30s", details={"status": 503}),
        "key": KeyError("x"),
        "zero": ZeroDivisionError("x"),
        "value": ValueError("secret text"),
        "exit": SystemExit(3),
    }
    raise faults[kind]


@job("odd.nan")
def nan() -> float:
    return float("nan")


@job("odd.large")
def large(size: int) -> str:
    return "x" * size


@job("odd.async")
async def asynchronous(text: str) -> str:
    await asyncio.sleep(0.01)
    return text


@job("odd.async_sleep")
async def async_sleep(seconds: float) -> str:
    try:
        await asyncio.sleep(seconds)
    except SoftTimeLimit:
        await asyncio.sleep(0.05)
        return "tidied"
    return "slept"


@job("odd.async_group")
async def async_group(seconds: float) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(asyncio.sleep(seconds))
        await asyncio.sleep(seconds)


@job("odd.async_spin")
async def async_spin() -> None:
    while True:
        pass


@job("odd.sleep")
def sleep(seconds: float) -> str:
    time.sleep(seconds)
    return "slept"


@job("odd.tidy")
def tidy(seconds: float) -> str:
    try:
        time.sleep(seconds)
    except (SoftTimeLimit, Cancelled, Shutdown) as interruption:
        time.sleep(0.3)  # a second interruption must not come in here
        return f"{type(interruption).__name__} {current().cancelled}"
    return "slept"


@job("odd.except_exception")
def except_exception(seconds: float) -> str:
    try:
        time.sleep(seconds)
    except Exception:  # noqa: BLE001 - what careless authors write
        return "swallowed"
    return "slept"


@job("odd.spin")
def spin() -> None:
    while True:
        pass


@job("odd.spin_in_c")
def spin_in_c() -> None:
    # Holds the interpreter's lock: no Python runs here any more.
    ctypes.PyDLL(None).sleep(600)


@job("odd.stubborn")
def stubborn() -> None:
    signal.signal(signal.SIGTERM, signal.SIG_IGN)
    while True:
        try:
            time.sleep(600)
        except BaseException:  # noqa: BLE001 - on purpose
            continue


@job("odd.report_then_sleep")
def report_then_sleep(calls: int, seconds: float) -> str:
    for number in range(calls):
        current().progress(number + 1, calls, "busy")
    time.sleep(seconds)
    return "done"


@job("odd.report_wrongly")
def report_wrongly() -> None:
    current().progress(float("nan"), 3)


@job("odd.report_for")
def report_for(seconds: float) -> int:
    end, calls = time.monotonic() + seconds, 0
    while time.monotonic() < end:
        calls += 1
        current().progress(calls)
    return calls


@job("odd.track")
def tracked(count: int) -> int:
    return sum(1 for _ in track(range(count), "counting"))


@job("odd.checkpoint")
def checkpoint(data: dict[str, int]) -> None:
    current().checkpoint(data)


@job("odd.print")
def prints(text: str) -> str:
    print(text)
    os.write(1, b"raw bytes on stdout\n")
    return text


@job("odd.segfault")
def segfault() -> None:
    os.kill(os.getpid(), signal.SIGSEGV)


@job("odd.exit")
def exit_now(status: int) -> None:
    os._exit(status)


@job("odd.large_until")
def large_until(folder: str) -> str:
    Path(folder, "started").touch()
    while not Path(folder, "return").exists():
        time.sleep(0.005)
    return "x" * 200_000


@job("odd.leave_family")
def leave_family(folder: str, seconds: float, sessions: bool = True) -> str:
    """Start a child and, by it, a grandchild in a session of its own; both write their ids."""
    script = (
        "import os, subprocess, sys, time\n"
        "folder = sys.argv[1]\n"
        "open(os.path.join(folder, str(os.getpid())), 'w').close()\n"
        "if len(sys.argv) > 2:\n"
        "    again = [sys.executable, '-c', sys.argv[2], folder]\n"
        "    subprocess.Popen(again, start_new_session=True)\n"
        "time.sleep(600)\n"
    )
    subprocess.Popen([sys.executable, "-c", script, folder, script], start_new_session=sessions)
    while len(list(Path(folder).iterdir())) < 2:
        time.sleep(0.01)
    time.sleep(seconds)
    return "left them"


@job("odd.daemonise")
def daemonise(folder: str) -> str:
    """Leave a process behind the old way: two forks, the middle one ends."""
    if os.fork() == 0:
        os.setsid()
        if os.fork() == 0:
            Path(folder, str(os.getpid())).touch()
            time.sleep(600)
        os._exit(0)
    while not list(Path(folder).iterdir()):
        time.sleep(0.01)
    return "left it"


@job("odd.tick")
def tick(file: str) -> None:
    """Write a growing number, from a child as well."""
    if os.fork() == 0:
        _count(Path(file + ".child"))
    _count(Path(file))


@job("odd.leave_thread")
def leave_thread() -> int:
    threading.Thread(target=time.sleep, args=(600,), daemon=True).start()
    return os.getpid()


@job("odd.litter")
def litter(what: str) -> int:
    match what:
        case "umask":
            os.umask(0o777)
        case "signal mask":
            signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM})
        case "signal handler":
            signal.signal(signal.SIGUSR1, signal.SIG_IGN)
        case "limit":
            resource.setrlimit(resource.RLIMIT_NOFILE, (32, 32))
        case "closed output":
            os.close(1)
        case "closed stream":
            sys.stdout.close()
        case "other stream":
            sys.stdout = io.StringIO()
        case "descriptors":
            _leaked.extend(os.dup(0) for _ in range(300))
        case _:
            raise NotImplementedError(what)
    return os.getpid()


@job("odd.chdir")
def chdir() -> int:
    os.chdir("/")
    return os.getpid()


def _count(file: Path) -> None:
    number = 0
    while True:
        number += 1
        file.write_text(str(number))
        time.sleep(0.01)
