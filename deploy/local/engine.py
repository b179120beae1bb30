"""The container engine of this machine, asked through its own command."""

import shutil
import subprocess
from collections.abc import Sequence

from deploy.local.errors import HouseError

ANSWER_SECONDS = 3.0
COMMAND_SECONDS = 300.0  # the first run pulls an image


def engine_answers(within: float = ANSWER_SECONDS) -> bool:
    """Tell whether a container engine works here; a client without its daemon does not count."""
    if shutil.which("docker") is None:
        return False
    try:
        done = subprocess.run(
            ["docker", "info"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            timeout=within,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return False
    return done.returncode == 0


def docker(arguments: Sequence[str], *, within: float = COMMAND_SECONDS) -> str:
    """Run one docker command and return what it prints.

    Raises:
        HouseError: it failed or took longer than `within` seconds.
    """
    try:
        done = subprocess.run(
            ["docker", *arguments],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=within,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        message = f"docker {arguments[0]} took longer than {within:g} s"
        raise HouseError(message) from error
    if done.returncode != 0:
        message = f"docker {arguments[0]}: {done.stderr.strip()}"
        raise HouseError(message)
    return done.stdout.strip()
