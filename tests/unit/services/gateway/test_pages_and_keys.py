"""Cursors and Idempotency-Keys: opaque outside, exact inside."""

import re
import string
import uuid

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.listing import parse_page_request, read_cursor, write_cursor
from services.gateway.refusals import BadCursor, BadHeader, Invalid
from services.gateway.requests.cursors import read_place, write_place
from services.gateway.requests.idempotency import idempotency_key


@given(st.uuids())
def test_a_cursor_leads_back_to_its_job(job: uuid.UUID) -> None:
    assert read_cursor(write_cursor(str(job), tenant="dev"), tenant="dev") == str(job)


@given(st.text())
def test_what_is_no_cursor_is_refused(text: str) -> None:
    with pytest.raises(BadCursor):
        read_cursor(text, tenant="dev")


@given(st.uuids(), st.integers(0, 53), st.sampled_from("ABCxyz019-_"))
def test_a_cursor_that_was_changed_is_refused(job: uuid.UUID, place: int, letter: str) -> None:
    cursor = write_cursor(str(job), tenant="dev")
    changed = cursor[:place] + letter + cursor[place + 1 :]

    if changed != cursor:
        with pytest.raises(BadCursor):
            read_cursor(changed, tenant="dev")


@given(st.uuids())
def test_a_cursor_has_one_spelling(job: uuid.UUID) -> None:
    cursor = write_cursor(str(job), tenant="dev")
    letters = string.ascii_letters + string.digits + "-_"

    for other in [cursor[:-1] + letter for letter in letters if letter != cursor[-1]]:
        with pytest.raises(BadCursor):
            read_cursor(other, tenant="dev")


def test_a_cursor_whose_place_the_list_cannot_have_is_refused() -> None:
    cursor = write_place("42 or so", of="numbers")

    with pytest.raises(BadCursor):
        read_place(cursor, of="numbers", like=re.compile(r"\d+"))


def test_a_cursor_of_another_tenant_is_refused() -> None:
    with pytest.raises(BadCursor):
        read_cursor(write_cursor(str(uuid.uuid4()), tenant="dev"), tenant="other")


@pytest.mark.parametrize(
    "limit", ["0", "201", "-1", "ten", "1.5", "", "\u0661", "9" * 5000, "0000000011999"]
)
def test_a_page_has_1_to_200_jobs(limit: str) -> None:
    with pytest.raises(Invalid):
        parse_page_request({"limit": limit}, tenant="dev")


def test_an_unknown_parameter_is_not_ignored() -> None:
    with pytest.raises(Invalid) as refused:
        parse_page_request({"stat": "failed"}, tenant="dev")

    assert refused.value.errors[0].pointer == "/query/stat"


def key(header: str | None, body: object = None, tenant: str = "dev") -> object:
    return idempotency_key(header, body, tenant=tenant, route="POST /v1/jobs")


def test_a_quoted_key_is_the_same_as_a_bare_one() -> None:
    assert key('"abc"') == key("abc")
    assert key(r'"a\"b"') != key("ab")
    assert key(None) is None


def test_a_key_belongs_to_its_tenant_and_its_body() -> None:
    one, two = key("k", {"a": 1, "b": [1.5]}), key("k", {"b": [1.5], "a": 1})

    assert one == two
    assert key("k", {"a": 1}) != key("k", {"a": 2})
    assert key("k", {}, "dev") != key("k", {}, "other")


@pytest.mark.parametrize("header", ["", " ", "a b", "x" * 256, '"', '"unfinished', "é", "a\x00"])
def test_a_malformed_key_is_refused(header: str) -> None:
    with pytest.raises(BadHeader):
        key(header)
