"""dev.env: what a shell sources to talk to the house."""

import shlex
from collections.abc import Mapping
from pathlib import Path

OWNER_ONLY = 0o600  # it holds keys


def write_dev_env(file: Path, settings: Mapping[str, str]) -> None:
    """Write `export NAME=value` lines in one step: no reader sees half a file."""
    fresh = file.with_suffix(".env.new")
    fresh.touch(OWNER_ONLY)
    lines = [f"export {name}={shlex.quote(value)}" for name, value in settings.items()]
    fresh.write_text("\n".join(lines) + "\n")
    fresh.replace(file)
