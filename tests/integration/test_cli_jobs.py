"""`waymark jobs` with filters, against prepared answers."""

from collections.abc import Iterator
from urllib.parse import parse_qs, urlsplit

import pytest

from tests.fakes.public_api import FakeHouse
from tests.integration.cli_running import waymark


@pytest.fixture
def house() -> Iterator[FakeHouse]:
    found = FakeHouse()
    yield found
    found.close()


def test_jobs_are_narrowed_down_and_short_pages_followed(house: FakeHouse) -> None:
    job = house.job("failed")
    house.answer("GET", "/v1/jobs", 200, {})
    house.turns["GET", "/v1/jobs"] = [
        {"data": [job], "page": {"next": "abc", "has_more": True}},
        {"data": [], "page": {"next": "def", "has_more": True}},
        {"data": [job], "page": {"next": None, "has_more": False}},
    ]

    done = waymark(
        house,
        *("jobs", "--limit", "5", "--state", "failed", "--type", "demo.steps", "--queue", "bulk"),
        *("--label", "team=x y", "--created-after", "2026-01-31T09:30:00Z", "--json"),
    )

    assert done.returncode == 0, done.stderr
    assert len(done.stdout.splitlines()) == 2
    queries = [parse_qs(urlsplit(asked[1]).query) for asked in house.asked]
    first = {
        "state": ["failed"],
        "type": ["demo.steps"],
        "queue": ["bulk"],
        "label.team": ["x y"],
        "created_after": ["2026-01-31T09:30:00Z"],
        "limit": ["5"],
    }
    rest = {**first, "limit": ["4"]}
    assert queries == [first, {**rest, "cursor": ["abc"]}, {**rest, "cursor": ["def"]}]


def test_a_label_that_is_none_is_status_2(house: FakeHouse) -> None:
    done = waymark(house, "jobs", "--label", "team")

    assert done.returncode == 2
    assert house.asked == []


def test_a_job_is_submitted_with_a_unique_key(house: FakeHouse) -> None:
    waymark(house, "submit", "demo.steps", "--unique-key", "order-1", "--on-conflict", "reject")

    body = house.asked[0][3]
    assert (body["unique_key"], body["on_conflict"]) == ("order-1", "reject")
