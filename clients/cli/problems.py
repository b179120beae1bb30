"""An error of the service as text for people. Pure."""

import json
from collections.abc import Mapping
from typing import Any

from clients.cli.exits import Exit, Stop, plain

_UNAUTHORISED = (401, 403)
_TOO_MANY = 429
_SERVER = 500


def stop_for(status: int, body: bytes) -> Stop:
    """Return the end that a response with an error status means."""
    wrong_request = status < _SERVER and status not in (*_UNAUTHORISED, _TOO_MANY)
    return Stop(describe(status, body), Exit.USAGE if wrong_request else Exit.UNREACHABLE)


def describe(status: int, body: bytes) -> str:
    """Return the problem as text: what happened, then a line for each fault with its pointer."""
    problem = _object(body)
    if problem is None:
        return f"the service answered {status}: {plain(body[:200].decode(errors='replace'))}"
    title = problem.get("detail") or problem.get("title") or problem.get("code") or status
    lines = [f"{plain(str(title))} ({_reference(status, problem)})"]
    told_already = (title,) if len(_faults(problem)) == 1 else ()
    for fault in _faults(problem):
        if fault.get("detail") in told_already:
            continue
        pointer = plain(str(fault.get("pointer") or "/"))
        lines.append(f"  {pointer}: {plain(str(fault.get('detail')))}")
    near = problem.get("did_you_mean")
    if isinstance(near, list) and near:
        lines.append(f"  Did you mean {' or '.join(plain(str(name)) for name in near)}?")
    if isinstance(problem.get("job_id"), str):
        lines.append(_what_became_of(problem))
    return "\n".join(lines)


def _reference(status: int, problem: Mapping[str, Any]) -> str:
    words = [str(status), problem.get("code"), problem.get("request_id")]
    return ", ".join(plain(str(word)) for word in words if word)


def _faults(problem: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    faults = problem.get("errors")
    return [f for f in faults if isinstance(f, dict)] if isinstance(faults, list) else []


def _what_became_of(problem: Mapping[str, Any]) -> str:
    job = plain(problem["job_id"])
    if problem.get("withdrawn") is True:
        return f"  Job {job} was called off again: submit it anew."
    return f"  Job {job} may run all the same: waymark watch {job}, or waymark cancel {job}"


def _object(body: bytes) -> Mapping[str, Any] | None:
    try:
        value = json.loads(body)
    except ValueError:
        return None
    return value if isinstance(value, dict) else None
