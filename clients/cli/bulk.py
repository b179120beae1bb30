"""`waymark bulk`: a file of jobs, one a line, as many requests as it takes."""

import json
import sys
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from clients.cli.api import Api, Document
from clients.cli.command import command
from clients.cli.exits import Exit, Stop
from clients.cli.problems import describe
from clients.cli.settings import read_settings

MOST_JOBS: Final = 1000  # of one request
MOST_BYTES: Final = 8 * 1024 * 1024  # of one request; half of what a gateway takes
_TOO_MANY: Final = 429
_SERVER: Final = 500

Line = tuple[int, Document]
"""A line's number and the job in it."""


@command
def bulk(
    file: Annotated[
        str, typer.Argument(metavar="FILE", help="One job a line, {type, payload, …}; - is stdin.")
    ],
    *,
    atomic: Annotated[
        bool, typer.Option("--atomic", help="All or none: then at most 1,000 lines.")
    ] = False,
    idempotency_key: Annotated[
        str | None,
        typer.Option(help="Send the same file with the same key again to finish what was cut off."),
    ] = None,
) -> Exit:
    """Submit many jobs and print their ids, one a line; what was refused goes to stderr."""
    parts = list(parts_of(_lines(file)))
    if atomic and len(parts) > 1:
        raise Stop(f"--atomic takes one request: {MOST_JOBS} lines, 8 MiB", Exit.USAGE)
    key = idempotency_key or str(uuid.uuid4())
    worst = Exit.SUCCEEDED
    with Api(read_settings()) as api:
        for number, part in enumerate(parts):
            jobs = [job for _, job in part]
            answer = api.submit_many(jobs, atomic=atomic, idempotency_key=f"{key}-{number}")
            for (line, _), item in zip(part, answer["data"], strict=True):
                worst = max(worst, tell(line, item))
    return worst


def parts_of(lines: Sequence[Line]) -> Iterator[Sequence[Line]]:
    """Return the lines in as many parts as there are requests to be made of them."""
    part: list[Line] = []
    size = 0
    for line in lines:
        length = len(json.dumps(line[1]))
        if part and (len(part) == MOST_JOBS or size + length > MOST_BYTES):
            yield part
            part, size = [], 0
        part.append(line)
        size += length
    if part:
        yield part


def tell(line: int, item: dict[str, Any]) -> Exit:
    """Print what became of the job in a line; return what that means for the exit status."""
    if "id" in item:
        print(item["id"])
        return Exit.SUCCEEDED
    status = int(item["status"])
    words = describe(status, json.dumps(item["problem"]).encode())
    sys.stderr.write(f"waymark: line {line}: {words}\n")
    may_be_repeated = status == _TOO_MANY or status >= _SERVER
    return Exit.UNREACHABLE if may_be_repeated else Exit.USAGE


def _lines(file: str) -> Sequence[Line]:
    try:
        text = sys.stdin.read() if file == "-" else Path(file).read_text()
    except (OSError, UnicodeDecodeError) as fault:
        raise Stop(f"{file} cannot be read: {fault}", Exit.USAGE) from None
    lines = [(n, line) for n, line in enumerate(text.splitlines(), 1) if line.strip()]
    if not lines:
        raise Stop(f"{file} has no jobs in it", Exit.USAGE)
    return [(number, _job(number, line)) for number, line in lines]


def _job(number: int, line: str) -> Document:
    try:
        job = json.loads(line)
    except (ValueError, RecursionError) as fault:
        raise Stop(f"line {number} is not JSON: {fault}", Exit.USAGE) from None
    if not isinstance(job, dict):
        raise Stop(f"line {number} is no object: {{type, payload, …}}", Exit.USAGE)
    return job
