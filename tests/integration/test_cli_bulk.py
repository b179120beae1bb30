"""`waymark bulk` against a small fake house on loopback: what it asks, says, ends with."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.fakes.public_api import FakeHouse
from tests.integration.cli_running import waymark

PATH = "/v1/jobs/bulk"
REFUSED = {"detail": "This is required.", "status": 422, "code": "validation-failed"}


@pytest.fixture
def house() -> Iterator[FakeHouse]:
    house = FakeHouse()
    yield house
    house.close()


def a_file(folder: Path, count: int) -> str:
    jobs = folder / "jobs.ndjson"
    line = json.dumps({"type": "demo.steps", "payload": {"steps": 3}})
    jobs.write_text(f"{line}\n" * count)
    return str(jobs)


def accepted(count: int, start: int = 0) -> dict[str, Any]:
    return {"data": [{"index": n, "status": 202, "id": f"job-{start + n}"} for n in range(count)]}


def test_a_file_goes_in_several_requests_under_keys_of_their_own(
    house: FakeHouse, tmp_path: Path
) -> None:
    house.answer_in_turn("POST", PATH, 200, [accepted(1000), accepted(5, 1000)])

    done = waymark(house, "bulk", a_file(tmp_path, 1005), "--idempotency-key", "monday")

    assert done.returncode == 0, done.stderr
    assert done.stdout.split() == [f"job-{n}" for n in range(1005)]
    assert [len(body["jobs"]) for _, _, _, body in house.asked] == [1000, 5]
    sent = [{k.lower(): v for k, v in headers.items()} for _, _, headers, _ in house.asked]
    assert [one["idempotency-key"] for one in sent] == ["monday-0", "monday-1"]


def test_what_was_refused_is_said_with_its_line_and_in_the_status(
    house: FakeHouse, tmp_path: Path
) -> None:
    data = [*accepted(1)["data"], {"index": 1, "status": 422, "problem": REFUSED}]
    house.answer("POST", PATH, 200, {"data": data})

    done = waymark(house, "bulk", a_file(tmp_path, 2))

    assert done.returncode == 2
    assert done.stdout == "job-0\n"
    assert "line 2: This is required." in done.stderr


def test_a_file_that_is_none_asks_nothing(house: FakeHouse, tmp_path: Path) -> None:
    wrong = tmp_path / "wrong.ndjson"
    wrong.write_text('{"type": "a"}\nnonsense\n')

    none = waymark(house, "bulk", str(tmp_path / "missing"))
    bad = waymark(house, "bulk", str(wrong))
    large = waymark(house, "bulk", a_file(tmp_path, 1001), "--atomic")

    assert [done.returncode for done in (none, bad, large)] == [2, 2, 2]
    assert "line 2 is not JSON" in bad.stderr
    assert "--atomic" in large.stderr
    assert not house.asked
