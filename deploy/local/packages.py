"""Install system packages on a Debian family, without starting the services they bring."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

from deploy.local.errors import HouseError

POLICY = Path("/usr/sbin/policy-rc.d")
# The Debian way to say "install, do not start": exit code 101 forbids the action.
FORBID_STARTING = "#!/bin/sh\nexit 101\n"
INSTALL_SECONDS = 900.0
LOCK_SECONDS = 120


def can_install() -> bool:
    """Tell whether this is root on a Debian family."""
    return os.geteuid() == 0 and shutil.which("apt-get") is not None


def offers(package: str, *, least: tuple[int, int]) -> bool:
    """Tell whether apt knows a package of at least this version (major, minor)."""
    if shutil.which("apt-cache") is None:
        return False
    told = subprocess.run(
        ["apt-cache", "policy", package],
        env=os.environ | {"LC_ALL": "C"},
        capture_output=True,
        text=True,
        timeout=LOCK_SECONDS,
        check=False,
    )
    return candidate_version(told.stdout) >= least


def candidate_version(policy: str) -> tuple[int, int]:
    """Return major and minor of the candidate in what `apt-cache policy` says; (0, 0): none."""
    found = re.search(r"Candidate: (?:\d+:)?(\d+)\.(\d+)", policy)
    return (int(found[1]), int(found[2])) if found else (0, 0)


def install(packages: Sequence[str], *, log: Path) -> None:
    """Install packages; their services are not started and no question is asked.

    Raises:
        HouseError: apt failed or took longer than 15 minutes; names the log.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with services_stay_down(), log.open("ab") as output:
        for arguments in (["update"], ["install", "--yes", "--no-install-recommends", *packages]):
            _apt(arguments, output.fileno(), log)


@contextmanager
def services_stay_down(policy: Path = POLICY) -> Iterator[None]:
    """Forbid package scripts to start services; put back what stood there before."""
    kept = policy.with_name(f"{policy.name}.before-waymark")
    if policy.exists():
        policy.rename(kept)
    policy.write_text(FORBID_STARTING)
    policy.chmod(0o755)
    try:
        yield
    finally:
        policy.unlink()
        if kept.exists():
            kept.rename(policy)


def _apt(arguments: Sequence[str], output: int, log: Path) -> None:
    command = ["apt-get", "-o", f"DPkg::Lock::Timeout={LOCK_SECONDS}", *arguments]
    try:
        done = subprocess.run(
            command,
            env=os.environ | {"DEBIAN_FRONTEND": "noninteractive"},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=INSTALL_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        message = f"apt-get {arguments[0]} took longer than {INSTALL_SECONDS:g} s; see {log}"
        raise HouseError(message) from error
    if done.returncode != 0:
        message = f"apt-get {arguments[0]} failed; see {log}"
        raise HouseError(message)
