"""What counts as JSON here, and what does not."""

import json
from collections.abc import AsyncIterator

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.gateway.refusals import (
    BadHeader,
    BodyTooLarge,
    NotAcceptedMediaType,
    NotJson,
    TooDeep,
)
from services.gateway.requests.bodies import (
    MAX_DEPTH,
    canonical,
    check_json_headers,
    parse_json,
    read_body,
)

NOT_JSON = {
    "nothing": b"",
    "NaN": b'{"a": NaN}',
    "Infinity": b'{"a": Infinity}',
    "minus Infinity": b'{"a": -Infinity}',
    "a number beyond a double": b'{"a": 1e999}',
    "a number of 5,000 digits": b'{"a": ' + b"9" * 5000 + b"}",
    "a lone surrogate": b'{"a": "\\ud800"}',
    "a lone surrogate in a key": b'{"\\udfff": 1}',
    "the same key twice": b'{"a": 1, "a": 2}',
    "the same key twice, spelled differently": b'{"a": 1, "\\u0061": 2}',
    "the same key twice, deep down": b'{"b": [{"a": 1, "a": 1}]}',
    "two documents": b"{}{}",
    "a trailing comma": b'{"a": 1,}',
    "single quotes": b"{'a': 1}",
    "a raw control character": b'{"a": "\n"}',
    "Latin-1": '{"a": "é"}'.encode("latin-1"),
    "a byte order mark": b"\xef\xbb\xbf{}",
    "UTF-16": '{"a": 1}'.encode("utf-16"),
    "a gzip stream": b"\x1f\x8b\x08\x00\x00",
    "a leading zero": b'{"a": 01}',
}

JSON_VALUES = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(st.characters(exclude_categories=["Cs"])),
    lambda inner: st.lists(inner) | st.dictionaries(st.text("abc\u00e9"), inner),
    max_leaves=20,
)


@pytest.mark.parametrize("body", NOT_JSON.values(), ids=NOT_JSON.keys())
def test_what_another_reader_may_refuse_is_not_json(body: bytes) -> None:
    with pytest.raises(NotJson):
        parse_json(body)


@given(JSON_VALUES)
def test_every_json_value_is_read_as_it_is(value: object) -> None:
    assert parse_json(json.dumps(value).encode()) == value


def test_a_surrogate_pair_is_a_character() -> None:
    assert parse_json(b'"\\ud83d\\ude00"') == "\N{GRINNING FACE}"


def test_brackets_inside_a_text_have_no_depth() -> None:
    assert parse_json(b'"' + b"[{" * 1000 + b'"') == "[{" * 1000


@pytest.mark.parametrize(("opening", "closing"), [(b"[", b"]"), (b'{"a":', b"}")])
def test_32_levels_are_read_and_33_are_not(opening: bytes, closing: bytes) -> None:
    def nest(levels: int) -> bytes:
        return opening * (levels - 1) + b"[]" + closing * (levels - 1)

    assert parse_json(nest(MAX_DEPTH)) is not None
    with pytest.raises(TooDeep):
        parse_json(nest(MAX_DEPTH + 1))


def test_a_depth_bomb_is_too_deep() -> None:
    with pytest.raises(TooDeep):
        parse_json(b"[" * 500_000)


@given(JSON_VALUES)
def test_the_canonical_text_knows_no_order_and_no_white_space(value: object) -> None:
    shuffled = parse_json(json.dumps(value, indent=3, sort_keys=True).encode())

    assert canonical(shuffled) == canonical(value)


@pytest.mark.parametrize(
    "headers",
    [
        {},
        {"content-type": "text/plain"},
        {"content-type": "application/x-www-form-urlencoded"},
        {"content-type": "application/json; charset=latin-1"},
        {"content-type": "application/json", "content-encoding": "gzip"},
    ],
)
def test_another_media_type_is_not_accepted(headers: dict[str, str]) -> None:
    with pytest.raises(NotAcceptedMediaType):
        check_json_headers(headers)


@pytest.mark.parametrize(
    "media_type",
    [
        "application/json",
        "Application/JSON",
        'application/json; charset="UTF-8"',
        'application/json; profile="https://example.com/x"; charset=utf-8',
    ],
)
def test_json_is_accepted_however_it_is_spelled(media_type: str) -> None:
    check_json_headers({"content-type": media_type, "content-encoding": "identity"})


def test_a_number_of_too_many_digits_is_refused_in_our_words() -> None:
    with pytest.raises(NotJson) as refused:
        parse_json(b"9" * 5000)

    assert str(refused.value.detail).endswith("a number has more than 4300 digits.")


async def test_a_client_that_waits_to_send_too_much_is_told_at_once() -> None:
    asked = False

    async def waiting() -> AsyncIterator[bytes]:
        nonlocal asked
        asked = True
        yield b"x"

    headers = {"content-length": "1001", "expect": "100-Continue"}
    with pytest.raises(BodyTooLarge):
        await read_body(waiting(), headers, limit=1000)

    assert not asked


async def test_a_body_is_counted_while_it_arrives() -> None:
    arrived = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal arrived
        while True:
            arrived += 1
            yield b"x" * (1 << 20)

    with pytest.raises(BodyTooLarge):
        await read_body(endless(), {}, limit=1000)

    assert arrived <= 10  # 8 MiB are read and dropped, so that the answer arrives


async def test_a_body_that_says_it_is_too_large_is_refused_whatever_comes() -> None:
    async def short() -> AsyncIterator[bytes]:
        yield b"x"

    with pytest.raises(BodyTooLarge):
        await read_body(short(), {"content-length": "1001"}, limit=1000)
    with pytest.raises(BadHeader):
        await read_body(short(), {"content-length": "-1"}, limit=1000)
