"""`waymark dead-letters` against a small fake house on loopback: what it asks, says, ends with."""

import json
from collections.abc import Iterator
from typing import Any

import pytest

from tests.fakes.public_api import AT, JOB, FakeHouse
from tests.integration.cli_running import waymark

CAMPAIGN = "0190a0a0-0000-7000-8000-00000000000c"
PATH = f"/v1/dead-letters/campaigns/{CAMPAIGN}"


@pytest.fixture
def house() -> Iterator[FakeHouse]:
    house = FakeHouse()
    yield house
    house.close()


def campaign(state: str = "running", done: int = 3, **more: Any) -> dict[str, Any]:
    document = {
        "id": CAMPAIGN,
        "action": "redrive",
        "state": state,
        "filter": {"type": "demo.steps", "reason": None},
        "rate_per_second": 20.0,
        "limit": None,
        "reason": "fixed",
        "created_by": "key:ops",
        "created_at": AT,
        "finished_at": None if state == "running" else AT,
        "counts": {"matched": 9, "done": done, "failed": 0, "skipped": 1},
    }
    return document | more


def letter(house: FakeHouse) -> dict[str, Any]:
    return house.job(
        "failed",
        error={"code": "boom", "message": "It broke.\nBadly."},
        dead_letter={"since": AT, "reason": "poison"},
        redrives=1,
    )


def last_asked(house: FakeHouse) -> tuple[str, str, Any]:
    method, path, _, body = house.asked[-1]
    return method, path, body


def test_letters_are_listed_with_what_one_has_to_know(house: FakeHouse) -> None:
    page = {"data": [letter(house)], "page": {"next": "c", "has_more": True}}
    house.answer("GET", "/v1/dead-letters", 200, page)

    ended = waymark(
        house, "dead-letters", "list", "--type", "demo.steps", "--older-than", "2h", "--limit", "1"
    )

    assert ended.returncode == 0, ended.stderr
    for word in (JOB, "poison", "boom", "It broke.", "2026-01-01 00:00:00", "and more"):
        assert word in ended.stdout
    _, path, _ = last_asked(house)
    assert path == "/v1/dead-letters?type=demo.steps&older_than_seconds=7200&limit=1"


def test_letters_as_json_are_one_document_a_line(house: FakeHouse) -> None:
    page = {"data": [letter(house)] * 2, "page": {"next": None, "has_more": False}}
    house.answer("GET", "/v1/dead-letters", 200, page)

    ended = waymark(house, "dead-letters", "list", "--json")

    assert [json.loads(line)["id"] for line in ended.stdout.splitlines()] == [JOB, JOB]


def test_a_redrive_says_which_how_fast_and_why(house: FakeHouse) -> None:
    house.answer("POST", "/v1/dead-letters/redrive", 202, campaign())

    ended = waymark(
        *(house, "dead-letters", "redrive", "--dead-reason", "poison", "--error-code", "boom"),
        *("--rate", "20", "--limit", "5", "--reason", "fixed", "--newer-than", "90"),
    )

    assert ended.returncode == 0, ended.stderr
    assert CAMPAIGN in ended.stdout
    assert "3 of 9 done, 1 skipped" in ended.stdout
    assert last_asked(house)[2] == {
        "filter": {"reason": "poison", "error_code": "boom", "newer_than_seconds": 90},
        "rate_per_second": 20.0,
        "limit": 5,
        "reason": "fixed",
    }


def test_a_dry_run_says_what_would_be_touched(house: FakeHouse) -> None:
    found = {"dry_run": True, "matched": 12, "exact": True, "sample": [letter(house)]}
    house.answer("POST", "/v1/dead-letters/discard", 200, found)

    ended = waymark(house, "dead-letters", "discard", JOB, "--dry-run")

    assert "would discard 12; nothing was changed" in ended.stdout
    assert JOB in ended.stdout
    assert last_asked(house)[2] == {"ids": [JOB], "dry_run": True}


@pytest.mark.parametrize(
    "words",
    [
        ("redrive",),
        ("redrive", JOB, "--all"),
        ("discard", "--type", "x", "--all"),
        ("discard", JOB, "--type", "x"),
        ("list", "--older-than", "soon"),
        ("campaign", "--watch"),
        ("campaign", "../jobs"),
    ],
)
def test_what_makes_no_sense_is_not_even_asked(house: FakeHouse, words: tuple[str, ...]) -> None:
    ended = waymark(house, "dead-letters", *words)

    assert ended.returncode == 2, ended.stdout
    assert ended.stderr.startswith("waymark: ")
    assert house.asked == []


@pytest.mark.parametrize(("state", "status"), [("finished", 0), ("aborted", 3)])
def test_a_campaign_is_watched_until_it_is_over(house: FakeHouse, state: str, status: int) -> None:
    house.answer("POST", "/v1/dead-letters/redrive", 202, campaign())
    house.answer("GET", PATH, 200, campaign(state, 8))

    ended = waymark(house, "dead-letters", "redrive", "--all", "--watch")

    assert ended.returncode == status, ended.stderr
    assert "3 of 9 done" in ended.stdout
    assert "8 of 9 done" in ended.stdout
    assert state in ended.stdout
    assert house.asked[0][3] == {"filter": {}}


def test_a_campaign_is_shown_listed_and_aborted(house: FakeHouse) -> None:
    house.answer("GET", PATH, 200, campaign())
    house.answer("POST", f"{PATH}/abort", 200, campaign("aborted"))
    page = {"data": [campaign()], "page": {"next": None, "has_more": False}}
    house.answer("GET", "/v1/dead-letters/campaigns", 200, page)

    shown = waymark(house, "dead-letters", "campaign", CAMPAIGN)
    listed = waymark(house, "dead-letters", "campaign")
    aborted = waymark(house, "dead-letters", "campaign", CAMPAIGN, "--abort")

    assert "type=demo.steps" in shown.stdout
    assert "running" in listed.stdout
    assert "aborted" in aborted.stdout
    assert last_asked(house)[:2] == ("POST", f"{PATH}/abort")


def test_one_job_is_retried(house: FakeHouse) -> None:
    house.answer("POST", f"/v1/jobs/{JOB}/retry", 202, house.job("queued", redrives=1))

    ended = waymark(house, "retry", JOB, "--reason", "fixed")

    assert ended.stdout == f"{JOB} queued, life 2\n"
    assert last_asked(house)[2] == {"reason": "fixed"}


def test_a_refusal_is_told_in_the_service_s_words(house: FakeHouse) -> None:
    refusal = {"detail": "The job is queued and no dead letter.", "code": "nothing-to-redrive"}
    house.answer("POST", f"/v1/jobs/{JOB}/retry", 409, refusal)

    ended = waymark(house, "retry", JOB)

    assert ended.returncode == 2
    assert "no dead letter" in ended.stderr
