"""/v1/jobs/bulk: many jobs by one request."""

from collections import Counter
from collections.abc import Sequence
from typing import Final

from fastapi import FastAPI, Request, Response

from services.gateway.accepting.outcomes import Accepted, Outcome
from services.gateway.bulk.all_or_none import carry_out_all
from services.gateway.bulk.carrying_out import OneByOne
from services.gateway.bulk.reading import Reader, read_bulk
from services.gateway.credentials import Caller, Scope
from services.gateway.edge import request_id
from services.gateway.openapi import bulk as openapi
from services.gateway.parts import Parts
from services.gateway.problems import described
from services.gateway.refusals import Overloaded, Refusal
from services.gateway.render import respond_json
from services.gateway.routes.jobs import outcome_of

MOST_AT_ONCE: Final = 32  # each may hold 16 MiB, several times over
RETRY_AFTER_SECONDS: Final = 2  # as in `problems.py`


def add_routes(app: FastAPI, parts: Parts) -> None:
    """Add the routes of this noun."""
    under_way = 0

    @app.post("/v1/jobs/bulk", **openapi.SUBMIT_BULK)
    async def submit_bulk(request: Request) -> Response:
        """Submit up to 1,000 jobs; each gets a status of its own."""
        nonlocal under_way
        caller = await parts.gate.caller(request)
        caller.demand(Scope.SUBMIT)
        if under_way >= MOST_AT_ONCE:
            raise Overloaded
        under_way += 1
        try:
            outcomes = await _carry_out(request, parts, caller)
        except Refusal as refusal:
            if outcome := outcome_of(refusal):
                parts.metrics.submitted("", outcome)
            raise
        finally:
            under_way -= 1
        return _answer(outcomes, request)


async def _carry_out(request: Request, parts: Parts, caller: Caller) -> Sequence[Outcome]:
    bulk, key = await read_bulk(request, parts, caller)
    reader = Reader(bulk, key, request=request, parts=parts, caller=caller)
    count = len(bulk.jobs)
    if bulk.atomic:
        return await carry_out_all(count, reader, parts.submission)
    outcomes = await OneByOne(reader, parts.submission).carry_out(count)
    refused = Counter(outcome_of(one) for one in outcomes if isinstance(one, Refusal))
    for outcome, times in refused.items():
        if outcome:
            parts.metrics.submitted("", outcome, count=times)
    return outcomes


def _answer(outcomes: Sequence[Outcome], request: Request) -> Response:
    name = request_id(request)
    items = [_item(place, outcome, name) for place, outcome in enumerate(outcomes)]
    headers = {}
    if any(item["status"] in openapi.WORTH_A_REPEAT for item in items):
        headers["retry-after"] = str(RETRY_AFTER_SECONDS)
    if all(item.get("replayed") for item in items):
        headers["idempotent-replayed"] = "true"
    return respond_json({"data": items}, headers=headers)


def _item(place: int, outcome: Outcome, name: str) -> dict[str, object]:
    if not isinstance(outcome, Accepted):
        status, document = described(outcome, request_id=name)
        return {"index": place, "status": int(status), "problem": document}
    item: dict[str, object] = {"index": place, "status": 202, "id": outcome.job.id}
    if outcome.replayed:
        item["replayed"] = True
    if outcome.deduplicated:
        item |= {"status": 200, "deduplicated": True}
    return item
