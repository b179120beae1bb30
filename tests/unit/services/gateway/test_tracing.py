"""Which trace a job belongs to, and the spans of a call."""

import json
from pathlib import Path

import pytest

from services.gateway.tracing import Tracing
from shared.contracts.errors import BrokerUnavailable
from shared.contracts.tracing import is_sampled, read_context, span_id_of
from shared.runtime.tracing.spans import OFF
from tests.fakes.gateway import FakeGateway

TRACE, CLIENT = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PARENT = f"00-{TRACE}-{CLIENT}-01"
NOTHING: dict[str, str] = {}


class Bare(dict[str, str]):
    def getlist(self, name: str) -> list[str]:
        return [self[name]] if name in self else []


@pytest.fixture
def gateway(tmp_path: Path) -> FakeGateway:
    return FakeGateway(tmp_path)


@pytest.fixture
def traced(tmp_path: Path) -> FakeGateway:
    return FakeGateway(tmp_path, traced=True)


def options_of(gateway: FakeGateway) -> list[str]:
    parents = [message.options.traceparent for message, _ in gateway.publisher.sent]
    return [parent for parent in parents if parent is not None]


@pytest.mark.parametrize("header", [None, f"00-{TRACE}-what-01"])
async def test_a_job_without_a_trace_that_can_be_read_begins_one(
    gateway: FakeGateway, header: str | None
) -> None:
    headers = {"traceparent": header} if header else NOTHING
    for _ in range(2):
        await gateway.submit(**headers)

    first, second = options_of(gateway)
    assert read_context([first], []) == (first, None)
    assert first[3:35] != second[3:35] != TRACE


async def test_without_a_collector_a_trace_is_handed_on_as_it_came(gateway: FakeGateway) -> None:
    await gateway.submit(traceparent=PARENT, tracestate="a=1")

    ((message, _),) = gateway.publisher.sent
    assert (message.options.traceparent, message.options.tracestate) == (PARENT, "a=1")
    assert gateway.spans == []


async def test_a_call_and_each_of_its_jobs_have_a_span(traced: FakeGateway) -> None:
    job = {"type": "demo.steps", "payload": {"steps": 1}}
    body = json.dumps({"jobs": [job] * 3}).encode()
    answer = await traced.client.post(
        "/v1/jobs/bulk",
        content=body,
        headers={"traceparent": PARENT, "content-type": "application/json"},
    )
    assert answer.status_code == 200, answer.text

    *published, call = traced.spans
    assert (call.name, call.parent, call.fault) == ("POST /v1/jobs/bulk", CLIENT, None)
    assert {span.parent for span in published} == {span_id_of(call.traceparent)}
    assert sorted(span.traceparent for span in published) == sorted(options_of(traced))
    assert len({span.traceparent for span in traced.spans}) == 4
    assert {span.traceparent[3:35] for span in traced.spans} == {TRACE}


async def test_a_call_that_begins_a_trace_is_its_root(traced: FakeGateway) -> None:
    await traced.submit()

    published, call = traced.spans
    assert call.parent == ""
    assert published.parent == span_id_of(call.traceparent)


async def test_whether_a_trace_is_kept_is_decided_once(tmp_path: Path) -> None:
    gateway = FakeGateway(tmp_path, traced=True, ratio=0.5)
    for _ in range(60):
        await gateway.submit()

    calls = {span_id_of(each.traceparent) for each in gateway.spans if each.name.startswith("POST")}
    published = [each for each in gateway.spans if each.name.startswith("publish")]
    kept = sorted(each for each in options_of(gateway) if is_sampled(each))
    assert {each.parent for each in published} == calls
    assert sorted(each.traceparent for each in published) == kept


async def test_a_trace_that_nobody_keeps_has_no_spans(traced: FakeGateway) -> None:
    unkept = PARENT[:-2] + "00"
    await traced.submit(traceparent=unkept)

    assert traced.spans == []
    assert options_of(traced) == [unkept]


async def test_a_call_that_makes_no_job_has_a_span_only_in_its_client_s_trace(
    traced: FakeGateway,
) -> None:
    await traced.client.get("/v1/types")
    await traced.client.get("/v1/types", headers={"traceparent": PARENT})

    assert [(span.name, span.parent) for span in traced.spans] == [("GET /v1/types", CLIENT)]


async def test_what_went_wrong_is_said_by_a_word(traced: FakeGateway) -> None:
    traced.publisher.failure = BrokerUnavailable()
    answer = await traced.submit(traceparent=PARENT)

    assert answer.status_code == 503
    faults = {span.name: span.fault for span in traced.spans}
    assert faults == {"publish waymark.default": "broker-unavailable", "POST /v1/jobs": "503"}


@pytest.mark.parametrize(("ratio", "kept"), [(0.0, 0), (0.25, 250), (1.0, 1_000)])
def test_of_the_traces_that_begin_here_so_many_are_kept(ratio: float, kept: int) -> None:
    tracing = Tracing(OFF, ratio=ratio)
    begun = [tracing.context_of(Bare()).traceparent for _ in range(1_000)]

    assert abs(sum(map(is_sampled, begun)) - kept) < (100 if 0 < ratio < 1 else 1)
    assert len({parent[3:35] for parent in begun}) == 1_000
