"""How a file of jobs becomes requests, and what is said of each job."""

import pytest

from clients.cli.bulk import MOST_BYTES, MOST_JOBS, Line, parts_of, tell
from clients.cli.exits import Exit

ID = "019b7904-3c80-7c6e-9d3b-5f2a8e4d1c07"


def some(count: int, size: int = 1) -> list[Line]:
    return [(n, {"payload": {"x": "x" * size}}) for n in range(count)]


def test_a_request_takes_as_many_jobs_as_a_gateway_takes() -> None:
    assert [len(part) for part in parts_of(some(2 * MOST_JOBS + 1))] == [MOST_JOBS, MOST_JOBS, 1]


def test_a_request_is_no_larger_than_a_gateway_takes() -> None:
    assert [len(part) for part in parts_of(some(5, MOST_BYTES // 3))] == [2, 2, 1]


def test_no_line_is_lost_or_sent_twice() -> None:
    lines = some(2500)

    assert [line for part in parts_of(lines) for line in part] == lines


def test_an_id_goes_out_and_a_refusal_says_its_line(capsys: pytest.CaptureFixture[str]) -> None:
    refused = {"detail": "This is required.", "status": 422, "code": "validation-failed"}

    statuses = [
        tell(1, {"index": 0, "status": 202, "id": ID}),
        tell(2, {"index": 1, "status": 422, "problem": refused}),
        tell(3, {"index": 2, "status": 503, "problem": {**refused, "status": 503}}),
        tell(4, {"index": 3, "status": 429, "problem": {**refused, "status": 429}}),
    ]

    assert statuses == [Exit.SUCCEEDED, Exit.USAGE, Exit.UNREACHABLE, Exit.UNREACHABLE]
    said = capsys.readouterr()
    assert said.out == f"{ID}\n"
    assert said.err.startswith("waymark: line 2: This is required.")
