"""A trace context is taken over as W3C Trace Context has it, and otherwise not at all."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.tracing import (
    LONGEST_STATE,
    TraceContext,
    is_sampled,
    read_context,
    recall_context,
    span_id_of,
    span_id_of_attempt,
    trace_id_of,
    with_span,
)

TRACE, SPAN = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{SPAN}-01"


def test_one_that_is_well_formed_is_taken_over() -> None:
    assert read_context([PARENT], []) == TraceContext(PARENT)
    assert (trace_id_of(PARENT), span_id_of(PARENT), is_sampled(PARENT)) == (TRACE, SPAN, True)


@pytest.mark.parametrize(
    "header",
    [
        "",
        PARENT[:-1],
        PARENT.upper(),
        f"{PARENT}-",
        f"{PARENT}0",
        f"ff-{TRACE}-{SPAN}-01",
        f"00-{'0' * 32}-{SPAN}-01",
        f"00-{TRACE}-{'0' * 16}-01",
        f"00-{TRACE}-{SPAN}-0x",
        f"0-{TRACE}-{SPAN}-01",
        f"00_{TRACE}_{SPAN}_01",
        f"01-{TRACE}-{SPAN}-01what",
        f"00-{TRACE}-{SPAN}-01\n",
        f"00-{TRACE[:-1]}٣-{SPAN}-01",
    ],
)
def test_one_that_is_not_is_ignored(header: str) -> None:
    assert read_context([header], ["a=b"]) is None


def test_two_are_as_good_as_none() -> None:
    assert read_context([PARENT, PARENT], []) is None


def test_a_later_version_is_read_as_far_as_it_is_known() -> None:
    assert read_context([f"cc-{TRACE}-{SPAN}-01-what-will-be"], []) == TraceContext(PARENT)


@pytest.mark.parametrize(
    ("flags", "handed_on"), [("00", "00"), ("01", "01"), ("02", "02"), ("ff", "03")]
)
def test_flags_nobody_knows_are_not_handed_on(flags: str, handed_on: str) -> None:
    read = read_context([f"00-{TRACE}-{SPAN}-{flags}"], [])

    assert read is not None
    assert read.traceparent[-2:] == handed_on
    assert is_sampled(read.traceparent) == (handed_on in {"01", "03"})


@pytest.mark.parametrize(
    ("headers", "state"),
    [
        ([], None),
        (["congo=t61rcWkgMzE, rojo=00f067aa0ba902b7"], "congo=t61rcWkgMzE,rojo=00f067aa0ba902b7"),
        (["a=1", "b=2"], "a=1,b=2"),
        (["a=1,,\t b@c=x y"], "a=1,b@c=x y"),
        (["a"], None),
        (["A=1"], None),
        (["a=1=2"], None),
        (["a=1,a=2"], None),
        (["a=é"], None),
        ([",".join(f"k{n}=1" for n in range(33))], None),
    ],
)
def test_a_tracestate_at_fault_is_dropped_by_itself(headers: list[str], state: str | None) -> None:
    assert read_context([PARENT], headers) == TraceContext(PARENT, state)


def test_of_a_tracestate_that_is_too_long_the_newest_members_stay() -> None:
    read = read_context([PARENT], [",".join(f"k{n}={'v' * 60}" for n in range(20))])

    assert read is not None
    assert read.tracestate is not None
    assert read.tracestate.startswith("k0=")
    assert LONGEST_STATE - 70 < len(read.tracestate) <= LONGEST_STATE


@given(st.text(max_size=80))
def test_whatever_comes_is_read_or_ignored(header: str) -> None:
    read = read_context([header], [header])

    assert read is None or len(read.traceparent) == len(PARENT)


def test_each_attempt_has_a_span_that_a_later_one_can_name() -> None:
    first, again, second = (
        span_id_of_attempt(PARENT, number, at) for number, at in [(1, 5), (1, 6), (2, 7)]
    )

    assert len({first, again, second}) == 3
    assert first == span_id_of_attempt(PARENT, 1, 5)
    assert with_span(PARENT, first) == f"00-{TRACE}-{first}-01"


def test_what_is_kept_is_both_in_one_text() -> None:
    assert recall_context(PARENT) == TraceContext(PARENT)
    assert recall_context(f"{PARENT} a=1,b=x y") == TraceContext(PARENT, "a=1,b=x y")


@pytest.mark.parametrize(
    "rest", ["é", ' é="1', "-more", " ", " a\r\nset-cookie: b", '"}', f" {'a' * 513}"]
)
def test_what_the_release_before_kept_behind_a_traceparent_goes(rest: str) -> None:
    assert recall_context(PARENT + rest) == TraceContext(PARENT)


@pytest.mark.parametrize("text", ["", "é", "00-ef", f"00-{'0' * 32}-{SPAN}-01"])
def test_what_is_no_traceparent_is_not_recalled(text: str) -> None:
    assert recall_context(text) is None
