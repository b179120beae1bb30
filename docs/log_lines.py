"""Every log line that the services can write, found in their source; no line is run for it.

A line is a call of a module's `log`, of `job_lines`, of a handler's `me.log`, or a `Spell`.
"""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
ROOMS = ("services", "shared")
LEVELS = ("debug", "info", "warning", "error", "exception", "critical")
OF_EVERY_LINE = ("at", "level", "event", "service")
OF_A_JOB = (
    "job_id", "tenant", "type", "queue", "state", "attempt", "dispatch", "trace_id", "submitted_by",
)  # fmt: skip
LIBRARY = {"exc_info": "exception"}  # what it becomes in a line

ROOM_OF_STEPS = "lines.py"

STEPS = {
    "job_accepted": "it is on record and in the broker: the 202",
    "job_not_confirmed": "on record, but the broker did not confirm it: the sweeper publishes it",
    "job_started": "an attempt begins",
    "job_succeeded": "the handler returned",
    "job_retrying": "an attempt failed, another follows after `delay_seconds`",
    "job_failed": "it failed for good and is a dead letter, `dead_letter` says why",
    "job_cancelled": "it is called off",
    "job_cancel_asked": "it runs, and is told to stop",
    "job_expired": "its `expires_at` passed before it began",
    "job_handed_back": "a deploy stopped its attempt; nothing is used up",
    "job_reclaimed": "its worker's lease ran out; it is queued again",
    "job_due": "its time has come: it is queued",
    "job_republished": "its message was not confirmed, or missed, and is published again",
    "job_redriven": "a dead letter lives again",
    "job_settled": "an attempt ended in another way",
    "job_watched": "somebody begins to watch it",
}

FIELDS = {
    "at": "when; RFC 3339, UTC",
    "level": "debug, info, warning, error or critical",
    "event": "what happened: one of the words below",
    "service": "gateway, worker or notifier",
    "job_id": "the job",
    "tenant": "whose it is",
    "type": "the job's type",
    "queue": "the queue of the job; of a consumer, the AMQP queue",
    "attempt": "which attempt; 0: none yet",
    "trace_id": "the trace that the job belongs to: the same in every line of every service",
    "submitted_by": "the key that submitted it, `key:<id>`; `house:callbacks` for a webhook",
    "state": "the state after it",
    "dispatch": "which message of the job",
    "outcome": "how the attempt ended",
    "code": "the error's code; never its text",
    "dead_letter": "why it waits for an operator",
    "seconds": "how long it took",
    "delay_seconds": "until it is tried again, or comes round",
    "worker": "the worker's id",
    "job_ids": "several jobs",
    "exception": "a traceback, of a mistake of ours",
    "action": "what an operator did",
    "after_seconds": "how long the trouble lasted",
    "answer": "how the broker, or a client, is answered",
    "audit_id": "the entry of the audit log",
    "before": "what it was until now",
    "broker_reason": "why RabbitMQ dead-lettered it",
    "broker_says": "RabbitMQ's own words",
    "broker_version": "of RabbitMQ",
    "by": "who asked for it",
    "bytes": "a size",
    "campaign": "a redrive or discard of many",
    "codes": "error codes",
    "connections": "how many",
    "consumer_timeout_seconds": "what RabbitMQ is set to",
    "count": "how many",
    "digest": "SHA-256 of a message that cannot be decoded",
    "done": "how many of a campaign",
    "dropped": "how many spans in all",
    "during": "in which step",
    "duty": "which of the house-wide duties",
    "events": "how many",
    "failed": "how many of a campaign",
    "frozen_seconds": "how long the attempt stood frozen",
    "handed_back": "how many attempts",
    "held_seconds": "for how long every lease counts as live",
    "identity": "the process, as the broker shows it",
    "in_order": "whether the stop was an ordered one",
    "jobs": "how many",
    "key_id": "an API key's id; never the key",
    "left": "how many are still there",
    "longest_type": "the type with the longest limit",
    "matched": "how many of a campaign",
    "meaning": "what that means",
    "now": "what it is from now on",
    "operation": "what the store was asked",
    "path": "a file",
    "policy": "a rate, or Redis's maxmemory-policy",
    "queues": "what is served",
    "reason": "why, in a word; of an operator, what was typed",
    "reconnects": "how many so far",
    "remedy": "what to do",
    "reminded_of": "queues that are paused again",
    "request_id": "the X-Request-Id of the answer",
    "resident": "which part of the worker",
    "retry_in_seconds": "until the next try",
    "rung": "how hard it is asked: flag, exception, term, kill",
    "running": "how many attempts",
    "skipped": "how many of a campaign",
    "slots": "how many",
    "spans": "how many",
    "status": "an exit status, or an HTTP status",
    "still_running": "how many handlers were let go",
    "target": "what an operator acted on",
    "tenants": "how many",
    "then": "what is done about it",
    "times": "how often it was met",
    "tries": "how often it was tried",
    "types": "which, or how many",
    "verdict": "the store's answer",
    "waiting": "how many deliveries",
    "why": "why, in words",
    "work": "which background work",
    "zygote_alive": "whether slots can be made",
}


@dataclass(frozen=True, slots=True)
class Line:
    """One place that writes a line."""

    event: str
    level: str
    where: str  # dotted module
    fields: frozenset[str]


def lines() -> list[Line]:
    """Return every line, in the order of their events."""
    found = [
        line
        for room in ROOMS
        for file in sorted((ROOT / room).rglob("*.py"))
        for line in lines_of(file)
    ]
    return sorted(found, key=lambda line: (line.event, line.where))


def lines_of(file: Path) -> Iterator[Line]:
    """Yield the lines that one module writes."""
    tree = ast.parse(file.read_text())
    where = ".".join(file.resolve().relative_to(ROOT).with_suffix("").parts)
    for node in ast.walk(tree):
        if isinstance(node, ast.Call):
            yield from _of_call(node, where)
    if file.name == ROOM_OF_STEPS:
        yield from _of_steps(tree, where)


def _of_steps(tree: ast.Module, where: str) -> Iterator[Line]:
    """Yield what a module that does nothing but write lines puts together."""
    words = {
        node.value
        for node in ast.walk(tree)
        if isinstance(node, ast.Constant) and isinstance(node.value, str)
    }
    fields = frozenset({*OF_A_JOB, *words} & FIELDS.keys())
    for event in sorted(words & STEPS.keys()):
        yield Line(event, "info", where, fields)


def _of_call(call: ast.Call, where: str) -> Iterator[Line]:
    name = ast.unparse(call.func)
    owner, _, method = name.rpartition(".")
    fields = frozenset(keyword.arg for keyword in call.keywords if keyword.arg is not None)
    if owner.rpartition(".")[2] == "log" and method in LEVELS and call.args:
        for event in _texts(call.args[0]):
            yield Line(event, "error" if method == "exception" else method, where, fields)
    elif owner == "job_lines" and call.args and not where.endswith(".lines"):
        for event in _texts(call.args[0]):
            yield Line(event, "info", where, fields | set(OF_A_JOB))
    elif name == "Spell":
        begins, ends = (event for one in call.args[:2] for event in _texts(one))
        yield Line(begins, "warning", where, frozenset())
        yield Line(ends, "info", where, frozenset({"after_seconds", "times"}))
    elif method in {"met", "over"} and where != "shared.runtime.spells":
        yield Line("", "", where, fields - {"following"})


def _texts(node: ast.expr) -> Iterator[str]:
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    elif isinstance(node, ast.IfExp):
        yield from _texts(node.body)
        yield from _texts(node.orelse)
