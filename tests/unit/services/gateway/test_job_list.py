"""What GET /v1/jobs can be asked for, and its cursors."""

from urllib.parse import parse_qsl, urlsplit

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.job_list import (
    PageRequest,
    parse_page_request,
    read_cursor,
    write_cursor,
)
from services.gateway.refusals import BadCursor, Invalid
from shared.contracts.lifecycle import State
from shared.contracts.listing import EVERY_JOB, JobFilter, JobPlace

FILTER = JobFilter(
    state=State.FAILED,
    type="csv.profile",
    queue="bulk",
    labels={"a": "1", "order/no": "ü &="},
    created_since=1_790_000_000_001,
    created_before=1_790_000_900_000,
)
QUERY = (
    "state=failed&type=csv.profile&queue=bulk&label.order/no=%C3%BC+%26%3D&label.a=1"
    "&created_after=2026-09-21T14:13:20.001Z&created_before=2026-09-21T16:28:20%2B02:00"
)
PLACE = JobPlace(created_at=1_790_000_000_123, job="019b7904-3c80-7c6e-9d3b-5f2a8e4d1c07")


def parse(query: str) -> PageRequest:
    return parse_page_request(parse_qsl(query, keep_blank_values=True), tenant="dev")


def faults(query: str) -> list[str]:
    with pytest.raises(Invalid) as refused:
        parse(query)
    return [fault.pointer for fault in refused.value.errors]


def test_without_a_query_it_is_every_job() -> None:
    assert parse("") == PageRequest(None, 50, EVERY_JOB)


def test_every_filter_is_understood() -> None:
    assert parse(QUERY) == PageRequest(None, 50, FILTER)


def test_the_link_to_the_next_page_keeps_the_filter() -> None:
    cursor = write_cursor(PLACE, tenant="dev", wanted=FILTER)
    page = parse(f"{QUERY}&limit=7&cursor={cursor}")
    link = page.link("next", base_url="http://api.test")
    query = urlsplit(link[1:].partition(">")[0]).query

    assert page == PageRequest(PLACE, 7, FILTER)
    following = write_cursor(PLACE, tenant="dev", wanted=FILTER)
    assert parse(query.replace("cursor=next", f"cursor={following}")) == page
    assert link.endswith('>; rel="next"')


@pytest.mark.parametrize(
    ("query", "pointer"),
    [
        ("colour=red", "/query/colour"),
        ("state=done", "/query/state"),
        ("state=queued&state=running", "/query/state"),
        ("type=a+b", "/query/type"),
        ("queue=No", "/query/queue"),
        ("limit=0", "/query/limit"),
        ("limit=201", "/query/limit"),
        ("created_after=today", "/query/created_after"),
        ("created_before=2026-01-01T00:00:00", "/query/created_before"),
        ("label.=x", "/query/label."),
        (f"label.a={'x' * 257}", "/query/label.a"),
        ("label.a=x&label.a=y", "/query/label.a"),
        ("label.a~b=x", "/query/label.a~0b"),
    ],
)
def test_what_cannot_be_asked_for_is_pointed_to(query: str, pointer: str) -> None:
    assert faults(query) == [pointer]


def test_a_cursor_leads_back_to_its_place() -> None:
    cursor = write_cursor(PLACE, tenant="dev", wanted=FILTER)

    assert read_cursor(cursor, tenant="dev", wanted=FILTER) == PLACE


@given(st.text(max_size=60))
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadCursor):
        read_cursor(text, tenant="dev", wanted=EVERY_JOB)


@given(st.integers(0, 71), st.sampled_from("AZaz09-_"))
def test_a_cursor_that_was_changed_is_refused(place: int, letter: str) -> None:
    cursor = write_cursor(PLACE, tenant="dev", wanted=EVERY_JOB)
    changed = cursor[:place] + letter + cursor[place + 1 :]

    if changed != cursor:
        with pytest.raises(BadCursor):
            read_cursor(changed, tenant="dev", wanted=EVERY_JOB)


@pytest.mark.parametrize(("tenant", "wanted"), [("other", FILTER), ("dev", EVERY_JOB)])
def test_a_cursor_of_another_list_is_refused(tenant: str, wanted: JobFilter) -> None:
    cursor = write_cursor(PLACE, tenant="dev", wanted=FILTER)

    with pytest.raises(BadCursor):
        read_cursor(cursor, tenant=tenant, wanted=wanted)
