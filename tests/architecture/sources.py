"""Our own source files, as git would know them."""

import ast
from collections.abc import Iterator
from pathlib import Path

REPO = Path(__file__).resolve().parents[2]
ROOMS = ("clients", "deploy", "services", "shared")


def modules(*rooms: str) -> list[Path]:
    """Return every Python file of these rooms (default: all that is no test)."""
    return sorted(
        file
        for room in rooms or ROOMS
        for file in (REPO / room).rglob("*.py")
        if "node_modules" not in file.parts
    )


def lines(file: Path) -> int:
    """Return how long a file is."""
    return len(file.read_text().splitlines())


def functions(file: Path) -> Iterator[ast.FunctionDef | ast.AsyncFunctionDef]:
    """Yield every function of a file, methods and nested ones too."""
    for node in ast.walk(ast.parse(file.read_text())):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield node


def length(function: ast.FunctionDef | ast.AsyncFunctionDef) -> int:
    """Return the lines of a function from `def` to its end, without its docstring."""
    total = (function.end_lineno or function.lineno) - function.lineno + 1
    first = function.body[0]
    if ast.get_docstring(function) is not None:
        total -= (first.end_lineno or first.lineno) - first.lineno + 1
    return total


def name_of(file: Path) -> str:
    """Return a path as people say it."""
    return str(file.relative_to(REPO))
