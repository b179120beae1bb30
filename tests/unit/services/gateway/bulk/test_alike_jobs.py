"""Jobs of one bulk that are alike: each is planned as it would be alone, and told apart by text."""

import asyncio
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from starlette.requests import Request

from services.gateway.bulk.alike import MOST_SHAPES, Alike, apart
from services.gateway.bulk.reading import Reader
from services.gateway.credentials import Caller, Scope
from services.gateway.refusals import Refusal
from services.gateway.requests.bodies import parse_json
from services.gateway.requests.bulk import parse_bulk_request
from shared.contracts.operations import IdempotencyKey, Submit
from shared.contracts.webhooks import DELIVER
from tests.fakes.gateway import FakeGateway
from tests.fakes.registry import an_entry

KEY = IdempotencyKey(hash="ab", fingerprint="cd")
URL = '"url":"https://hooks.example.com/x"'

# Fragments that look like one another: what is alike has to be alike altogether.
PAYLOADS = ['{"steps":3}', '{"steps": 3}', '{"steps":"x"}', '{"steps":4,"é":1}', "{}", "3", '"3"']
MEMBERS = st.sampled_from(
    [
        '"priority":1',
        '"priority":true',
        '"priority":1.0',
        '"labels":{}',
        '"labels":{"payload":"{}"}',
        '"labels":{"steps":3}',
        '"unique_key":"3"',
        '"delay_seconds":3',
        '"queue":"bulk"',
        '"queue":"nowhere"',
        '"nobody":{"steps":3}',
    ]
)
TYPES = st.sampled_from(['"type":"demo.steps"', '"type":"demo.other"', '"type":"demo.none"'])


@st.composite
def texts(draw: st.DrawFn) -> str:
    """Return the text of a job, its members in any order and some of them wrong."""
    members = [draw(TYPES), f'"payload":{draw(st.sampled_from(PAYLOADS))}']
    members += draw(st.lists(MEMBERS, max_size=2, unique_by=lambda one: one[:5]))
    if draw(st.booleans()):
        members.pop(draw(st.integers(0, len(members) - 1)))
    return "{" + draw(st.sampled_from([",", ", "])).join(draw(st.permutations(members))) + "}"


@pytest.fixture(scope="module")
def gateway(tmp_path_factory: pytest.TempPathFactory) -> FakeGateway:
    """Two types that are particular about their payload, and two that are not."""
    folder: Path = tmp_path_factory.mktemp("gateway")
    any_object: dict[str, object] = {"type": "object"}
    loose = [an_entry(name, schema=any_object) for name in (DELIVER, "demo.loose")]
    return FakeGateway(folder, an_entry(), an_entry("demo.other"), *loose)


TRACEPARENT = b"00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def read(gateway: FakeGateway, jobs: Sequence[str], *, first: int = 0) -> list[Any]:
    """Plan jobs as those of one bulk; what an id is made of is left out."""
    padding = ["1"] * first  # so that each stands at its own place
    body = f'{{"jobs":[{",".join([*padding, *jobs])}]}}'.encode()
    bulk = parse_bulk_request(parse_json(body), body)
    scopes = frozenset(Scope)
    caller = Caller(name="key:dev", scopes=scopes, named_tenant="dev", key="dev", home="dev")
    request = Request({"type": "http", "headers": [(b"traceparent", TRACEPARENT)]})
    reader = Reader(bulk, KEY, request=request, parts=gateway._parts, caller=caller)
    places = range(first, first + len(jobs))
    return [_told(one) for one in asyncio.run(_plan(reader, places))]


async def _plan(reader: Reader, places: Sequence[int]) -> Sequence[Submit | Refusal]:
    return await reader.plan(places)


def _told(planned: Submit | Refusal) -> object:
    if isinstance(planned, Refusal):
        return planned.code, planned.detail, planned.errors
    return replace(planned, job="")


@given(st.lists(texts(), min_size=2, max_size=6))
def test_each_is_planned_as_it_would_be_alone(gateway: FakeGateway, jobs: list[str]) -> None:
    together = read(gateway, jobs)

    assert together == [read(gateway, [job], first=n)[0] for n, job in enumerate(jobs)]


def test_each_has_an_id_a_key_and_a_payload_of_its_own(gateway: FakeGateway) -> None:
    jobs = [f'{{"type":"demo.steps","payload":{{"steps":{n}}}}}' for n in range(1, 4)]

    planned = read(gateway, jobs)

    assert [one.key.hash for one in planned] == ["ab.0", "ab.1", "ab.2"]
    assert [json.loads(one.payload) for one in planned] == [{"steps": n} for n in range(1, 4)]


def test_a_webhook_s_target_is_checked_in_each(gateway: FakeGateway) -> None:
    good = f'{{"type":"{DELIVER}","payload":{{{URL}}}}}'

    planned = read(gateway, [good, good.replace("https://hooks.example.com", "http://127.0.0.1")])

    assert isinstance(planned[0], Submit)
    assert planned[1][0] == "validation-failed"


def test_a_payload_that_is_too_large_is_refused_behind_one_that_is_not(
    gateway: FakeGateway,
) -> None:
    long = "x" * (256 << 10)
    jobs = [f'{{"type":"demo.loose","payload":{{"x":"{x}"}}}}' for x in ("x", long)]

    planned = read(gateway, jobs)

    assert isinstance(planned[0], Submit)
    assert planned[1][0] == "payload-too-large"


def test_where_each_is_different_none_is_taken_apart_any_more(gateway: FakeGateway) -> None:
    alike, (good,) = Alike(), read(gateway, ['{"type":"demo.steps","payload":{"steps":1}}'])
    job_type = asyncio.run(gateway._parts.catalogue.find("demo.steps"))
    for n in range(MOST_SHAPES):
        alike.note(_text(n), good, job_type)

    assert alike.find(_text(0), {"steps": 2}, limit=1_000) is None


def test_what_stands_around_a_payload_is_its_shape() -> None:
    assert apart(b'{"a":1,"payload": {"b":2} }') == ((b'{"a":1,"payload": ', b" }"), b'{"b":2}')
    assert apart(b'{"a":1}') is None
    assert apart(b"7") is None


def _text(n: int) -> bytes:
    return b'{"type":"demo.steps","payload":{"steps":2},"unique_key":"%d"}' % n
