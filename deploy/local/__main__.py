"""`python -m deploy.local up|down|status|logs|demo|install|install-for-...`: from a shell.

WORKERS and NOTIFIERS in the environment say how many of each.
"""

import argparse
import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence

from deploy.local import packages
from deploy.local.demo import page_of, run_demo
from deploy.local.errors import HouseError
from deploy.local.house import DEFAULT_ROOT, House, whole_number
from deploy.local.nodes import Kind, is_installed

# Programs that only one target needs, named as their packages.
BROWSERS = ("chromium", "chromium-browser", "google-chrome")  # any of them will do
FAULT_TOOLS = ("faketime",)
BENCH_TOOLS = ("wrk",)
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
    _status(house)
    dev_env = os.path.relpath(house.root / "dev.env")
    print(f"\n. {dev_env}    then `./waymark jobs`, or {house.url}/docs")
    print(f"{page_of(house)}    runs jobs and shows them live")


def _down(house: House) -> None:
    house.stop()


def _status(house: House) -> None:
    for service in house.services:
        state = "ready" if service.is_ready else "not ready" if service.is_running else "down"
        print(f"{service.name:<12} {state:<10} pid {service.pid or '-':<8} {service.url}")


def _logs(house: House) -> None:
    logs = sorted(str(log) for log in (house.root / "logs").glob("*.log"))
    if not logs:
        message = "no logs yet; `make up` starts the house"
        raise HouseError(message)
    sys.stdout.flush()
    os.execvp("tail", ["tail", "-n", "20", "-F", *logs])


def _install(house: House, *, tools: Sequence[str] = ()) -> None:
    missing: list[str] = [kind for kind in Kind if not is_installed(kind)]
    missing += [tool for tool in tools if shutil.which(tool) is None]
    if missing and packages.can_install():
        packages.install(missing, log=house.root / "logs" / "install.log")


def _install_for_tests(house: House) -> None:
    _install(house)
    if any(map(shutil.which, BROWSERS)) or not packages.can_install():
        return
    try:
        packages.install([BROWSERS[0]], log=house.root / "logs" / "install.log")
    except HouseError:  # Ubuntu has it as a snap only
        _install_browser_of_playwright()


def _install_browser_of_playwright() -> None:
    command = [sys.executable, "-m", "playwright", "install", "--with-deps", "chromium"]
    try:
        subprocess.run(command, check=True, timeout=packages.INSTALL_SECONDS)
    except (subprocess.SubprocessError, OSError) as fault:
        message = "no Chromium is to be had here: the tests in tests/browser need one"
        raise HouseError(message) from fault


def _install_for_faults(house: House) -> None:
    _install(house, tools=FAULT_TOOLS)


def _install_for_bench(house: House) -> None:
    _install(house, tools=BENCH_TOOLS)


COMMANDS: dict[str, Callable[[House], None]] = {
    "up": _up,
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
