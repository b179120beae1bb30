"""What every command ends with: an exit status, and one line for who got no answer."""

import functools
import os
import sys
from collections.abc import Callable
from typing import ParamSpec

import typer

from clients.cli.exits import Exit, Stop

P = ParamSpec("P")


def command(run: Callable[P, Exit]) -> Callable[P, None]:
    """Make a command of a function that returns an exit status or raises `Stop`."""

    @functools.wraps(run)
    def wrapped(*args: P.args, **kwargs: P.kwargs) -> None:
        try:
            status = run(*args, **kwargs)
            sys.stdout.flush()
        except Stop as stop:
            sys.stderr.write(f"waymark: {stop.text}\n")
            status = stop.status
        except BrokenPipeError:  # `waymark jobs | head`: the reader has seen enough
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            status = Exit.NOBODY_READS
        raise typer.Exit(status)

    return wrapped
