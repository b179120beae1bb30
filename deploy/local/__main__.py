"""`python -m deploy.local up|watch|down|status|logs|demo|install|install-for-...`: from a shell.

WORKERS and NOTIFIERS in the environment say how many of each.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

from deploy.local import packages
from deploy.local.demo import page_of, run_demo
from deploy.local.errors import HouseError
from deploy.local.house import DEFAULT_ROOT, House, whole_number
from deploy.local.lookout.lookout import Lookout
from deploy.local.lookout.showing import what_to_open
from deploy.local.nodes import Kind, is_installed

# Programs that only one target needs, named as their packages.
BROWSERS = ("chromium", "chromium-browser", "google-chrome")  # any of them will do
FAULT_TOOLS = ("faketime", "buildah", "debootstrap", "runc")
SECCOMP = {"/usr/share/containers/seccomp.json": "golang-github-containers-common"}
BENCH_TOOLS = ("wrk",)
KUBECTL = "kubernetes-client"
LEAST_KUBECTL = (1, 27)  # Debian 12 has an older one, which cannot read our manifests
NOBODY_READS = 141  # what a shell says of a program that died of SIGPIPE
INTERRUPTED = "interrupted; `make status` says what runs, `make down` stops it"


def main(arguments: list[str] | None = None) -> int:
    """Run one command; trouble is one line on stderr and exit code 1."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local", description=__doc__)
    parser.add_argument("command", choices=list(COMMANDS))
    chosen = parser.parse_args(arguments).command
    try:
        COMMANDS[chosen](_house(os.environ))
        sys.stdout.flush()
    except BrokenPipeError:  # `make up | head`: the reader has seen enough
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return NOBODY_READS
    except (HouseError, OSError) as error:
        print(f"waymark: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nwaymark: {INTERRUPTED}", file=sys.stderr)
        return 130
    return 0


def _house(env: Mapping[str, str]) -> House:
    return House(
        DEFAULT_ROOT,
        workers=whole_number(env, "WORKERS", 1),
        notifiers=whole_number(env, "NOTIFIERS", 1),
    )


def _up(house: House) -> None:
    house.start()
    lookout = Lookout(house)
    if lookout.is_running:
        lookout.aim()
    _status(house)
    dev_env = os.path.relpath(house.root / "dev.env")
    print(f"\n. {dev_env}    then `./waymark jobs`, or {house.url}/docs")
    print(f"{page_of(house)}    runs jobs and shows them live")


def _watch(house: House) -> None:
    _install(house, more=Lookout.missing())
    _up(house)
    lookout = Lookout(house)
    lookout.start()
    print(what_to_open(lookout))


def _down(house: House) -> None:
    Lookout(house).stop()
    house.stop()


def _status(house: House) -> None:
    for service in house.services:
        _print_state(service.name, service.pid, service.url, is_ready=service.is_ready)
    for program in Lookout(house).programs:
        if program.process.is_running:
            pid = program.process.pid
            _print_state(program.kind.name, pid, program.url, is_ready=program.is_ready)


def _print_state(name: str, pid: int | None, url: str, *, is_ready: bool) -> None:
    state = "ready" if is_ready else "not ready" if pid else "down"
    print(f"{name:<14} {state:<10} pid {pid or '-':<8} {url}")


def _logs(house: House) -> None:
    logs = sorted(str(log) for log in (house.root / "logs").glob("*.log"))
    if not logs:
        message = "no logs yet; `make up` starts the house"
        raise HouseError(message)
    sys.stdout.flush()
    os.execvp("tail", ["tail", "-n", "20", "-F", *logs])


def _install(house: House, *, tools: Sequence[str] = (), more: Sequence[str] = ()) -> None:
    missing: list[str] = [kind for kind in Kind if not is_installed(kind)]
    missing += [tool for tool in tools if shutil.which(tool) is None]
    missing += more
    if missing and packages.can_install():
        packages.install(missing, log=house.root / "logs" / "install.log")


def _install_for_tests(house: House) -> None:
    _install(house, more=[*Lookout.missing(), *_missing_kubectl()])
    if any(map(shutil.which, BROWSERS)) or not packages.can_install():
        return
    try:
        packages.install([BROWSERS[0]], log=house.root / "logs" / "install.log")
    except HouseError:  # Ubuntu has it as a snap only
        _install_browser_of_playwright()


def _missing_kubectl() -> list[str]:
    if shutil.which("kubectl") or not packages.offers(KUBECTL, least=LEAST_KUBECTL):
        return []
    return [KUBECTL]


def _install_browser_of_playwright() -> None:
    command = [sys.executable, "-m", "playwright", "install", "--with-deps", "chromium"]
    try:
        subprocess.run(command, check=True, timeout=packages.INSTALL_SECONDS)
    except (subprocess.SubprocessError, OSError) as fault:
        message = "no Chromium is to be had here: the tests in tests/browser need one"
        raise HouseError(message) from fault


def _install_for_faults(house: House) -> None:
    profiles = [package for file, package in SECCOMP.items() if not Path(file).exists()]
    _install(house, tools=FAULT_TOOLS, more=[*Lookout.missing(), *profiles])


def _install_for_bench(house: House) -> None:
    _install(house, tools=BENCH_TOOLS)


COMMANDS: dict[str, Callable[[House], None]] = {
    "up": _up,
    "watch": _watch,
    "down": _down,
    "status": _status,
    "logs": _logs,
    "demo": run_demo,
    "install": _install,
    "install-for-tests": _install_for_tests,
    "install-for-faults": _install_for_faults,
    "install-for-bench": _install_for_bench,
}

if __name__ == "__main__":
    sys.exit(main())
