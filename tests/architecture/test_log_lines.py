"""Every log line speaks one vocabulary: docs/log_lines.py, printed in docs/reference/logs.md."""

import ast
import re

from docs.log_lines import (
    FIELDS,
    LEVELS,
    LIBRARY,
    OF_EVERY_LINE,
    ROOM_OF_STEPS,
    ROOMS,
    ROOT,
    STEPS,
    lines,
)

LINES = lines()
SNAKE_CASE = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)+")
MADE_UP = {"shared/runtime/spells.py", "shared/runtime/job_lines.py"}  # they pass events on


def test_there_are_as_many_as_there_should_be() -> None:
    assert len({line.event for line in LINES}) > 140


def test_an_event_is_a_word_in_snake_case() -> None:
    assert not [line for line in LINES if line.event and not SNAKE_CASE.fullmatch(line.event)]


def test_its_fields_are_of_the_vocabulary() -> None:
    known = FIELDS.keys() | LIBRARY.keys()

    assert not [
        (line.where, line.event, line.fields - known) for line in LINES if line.fields - known
    ]


def test_the_vocabulary_has_no_word_that_nobody_uses() -> None:
    used = {field for line in LINES for field in line.fields} | {*LIBRARY.values()}

    assert FIELDS.keys() - used <= {*OF_EVERY_LINE}


def test_each_step_of_a_job_is_told_by_somebody_and_explained() -> None:
    told = {line.event for line in LINES if line.event.startswith("job_") and line.level == "info"}

    assert told == STEPS.keys()


def test_whoever_is_called_by_an_error_finds_its_event_in_a_runbook() -> None:
    errors = {line.event for line in LINES if line.level in {"error", "critical"}}
    pages = "".join(page.read_text() for page in (ROOT / "docs" / "runbooks").glob("*.md"))

    assert len(errors) > 30
    assert not {event for event in errors if f"`{event}" not in pages}


def test_no_event_is_put_together_where_it_is_told() -> None:
    files = [file for room in ROOMS for file in (ROOT / room).rglob("*.py")]
    plain = [file for file in files if str(file.relative_to(ROOT)) not in MADE_UP]

    assert not [
        f"{file}:{node.lineno}"
        for file in plain
        if file.name != ROOM_OF_STEPS
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call) and _is_line(node) and not _is_said(node.args[0])
    ]


def _is_line(call: ast.Call) -> bool:
    owner, _, method = ast.unparse(call.func).rpartition(".")
    return bool(call.args) and (
        (owner.rpartition(".")[2] == "log" and method in LEVELS)
        or (owner == "job_lines" and method.startswith("tell"))
    )


def _is_said(node: ast.expr) -> bool:
    if isinstance(node, ast.IfExp):
        return _is_said(node.body) and _is_said(node.orelse)
    return isinstance(node, ast.Constant) and isinstance(node.value, str)
