"""What a handler notes of a call: none of it breaks the handler, its slot or the wire."""

import math
from decimal import Decimal
from http import HTTPStatus
from typing import Any, cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.worker.authoring.calling import LONGEST_TEXT, MOST_FACTS, Calling, words
from services.worker.slots.terms import Called
from services.worker.slots.wire import Call, FromSlot, encode, reader_of_slot

ANYTHING = (
    st.none()
    | st.booleans()
    | st.integers(-(10**40), 10**40)
    | st.floats()
    | st.text(st.characters())
    | st.binary()
    | st.lists(st.integers())
    | st.decimals()
)


def heard(facts: dict[Any, Any], *, name: str = "GET", fault: str | None = None) -> list[FromSlot]:
    call = Calling({})
    call.note(facts)
    called = Called(
        name=words(name), span_id="1", began_at=1, ended_at=2, facts=call.told(), fault=fault
    )
    return reader_of_slot().feed(encode(Call(called)))


def facts_heard(facts: dict[Any, Any]) -> dict[str, object]:
    (frame,) = heard(facts)
    return cast("dict[str, object]", cast("Call", frame).called.facts)


@given(st.dictionaries(st.text(st.characters()) | st.integers(), ANYTHING))
def test_whatever_is_noted_arrives_or_is_left_out(facts: dict[Any, Any]) -> None:
    assert len(heard(facts)) == 1


@pytest.mark.parametrize(
    "odd", [None, Decimal(1), b"x", [1], object(), 1 << 20_000], ids=lambda odd: type(odd).__name__
)
def test_what_no_span_can_bear_is_left_out(odd: object) -> None:
    assert facts_heard({"odd": odd, "size": 7}) == {"size": 7}


def test_numbers_that_are_none_are_told_in_words() -> None:
    assert facts_heard({"a": math.nan, "b": math.inf}) == {"a": "nan", "b": "inf"}


def test_a_kind_of_number_is_told_as_the_number() -> None:
    assert facts_heard({"status": HTTPStatus.OK, "ok": True}) == {"status": 200, "ok": True}


def test_half_a_character_is_told_as_a_question_mark() -> None:
    assert facts_heard({"text": "a\ud800"}) == {"text": "a?"}


def test_much_is_cut_to_what_a_frame_bears() -> None:
    facts = facts_heard({f"{number} " + "k" * 10_000: "v" * 10**6 for number in range(500)})

    assert len(facts) == MOST_FACTS
    assert {len(str(value)) for value in facts.values()} == {LONGEST_TEXT}
