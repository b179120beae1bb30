"""From the body of a bulk to what is asked of the store, job by job."""

import asyncio
from collections.abc import Sequence
from typing import Final

import uuid_utils
from msgspec.structs import replace
from starlette.requests import Request

from services.gateway.accepting.outcomes import Outcome
from services.gateway.bulk.alike import Alike
from services.gateway.credentials import Caller
from services.gateway.parts import Parts
from services.gateway.refusals import InFlight, Refusal, Unavailable
from services.gateway.requests.bodies import check_json_headers, parse_json, receive_body
from services.gateway.requests.bulk import BulkRequest, key_of_job, parse_bulk_request, point_into
from services.gateway.requests.idempotency import HEADER, idempotency_key
from services.gateway.tracing import call_of, of_call
from services.gateway.wanted import read_job_request
from shared.contracts.errors import StoreUnavailable
from shared.contracts.operations import IdempotencyKey, Submit

ROUTE: Final = "POST /v1/jobs/bulk"
LONG_BODY: Final = 128 * 1024  # bytes; to parse more takes longer than others should wait


async def read_bulk(
    request: Request, parts: Parts, caller: Caller
) -> tuple[BulkRequest, IdempotencyKey | None]:
    """Return what is asked for, and the key of the request.

    Raises:
        Refusal: the body as a whole is none of ours.
    """
    check_json_headers(request.headers)
    body = await receive_body(request, limit=parts.limits.bulk_body)
    header, tenant = request.headers.get(HEADER), caller.tenant

    def read() -> tuple[BulkRequest, IdempotencyKey | None]:
        parsed = parse_json(body)
        key = idempotency_key(header, parsed, tenant=tenant, route=ROUTE)
        return parse_bulk_request(parsed, body), key

    return read() if len(body) <= LONG_BODY else await asyncio.to_thread(read)


class Reader:
    """Plans the jobs of one bulk."""

    def __init__(
        self,
        bulk: BulkRequest,
        key: IdempotencyKey | None,
        *,
        request: Request,
        parts: Parts,
        caller: Caller,
    ) -> None:
        """Keep what every one of them is planned with."""
        self._bulk = bulk
        self._key = key
        self._trace = parts.tracing.of_request(request)
        self._call = call_of(request)
        self._parts = parts
        self._caller = caller

    async def plan(self, places: Sequence[int]) -> Sequence[Submit | Refusal]:
        """Return for each place what is to be asked of the store, or what is against it."""
        alike = Alike()
        return [self._plan_as(alike, place) or await self._plan(place, alike) for place in places]

    def key(self, place: int) -> IdempotencyKey | None:
        """Return the key of the job at a place."""
        return key_of_job(self._key, place)

    async def recall(self, place: int) -> Outcome | None:
        """Return the job that the key of a place is bound to; None: it is free, or nobody knows."""
        key = self.key(place)
        if key is None:
            return None
        try:
            return await self._parts.submission.recall(key, tenant=self._caller.tenant)
        except StoreUnavailable:
            return None  # the refusal stands by itself
        except (Unavailable, InFlight) as fault:
            return fault

    def _plan_as(self, alike: Alike, place: int) -> Submit | None:
        """Plan a job as one before it that was good and of the same shape."""
        item = self._bulk.jobs[place]
        if not isinstance(item, dict):
            return None
        limit = self._parts.limits.payload
        found = alike.find(self._bulk.texts[place], item.get("payload"), limit=limit)
        if found is None:
            return None
        known, payload = found
        name = str(uuid_utils.uuid7())
        return self._named(replace(known, job=name, payload=payload, key=self.key(place)))

    async def _plan(self, place: int, alike: Alike) -> Submit | Refusal:
        item, text = self._bulk.jobs[place], self._bulk.texts[place]
        try:
            wanted, payload = await read_job_request(self._parts, text, item)
            planned = await self._parts.submission.plan(
                wanted,
                payload,
                caller=self._caller,
                trace=self._trace,
                key=self.key(place),
            )
            alike.note(text, planned, await self._parts.catalogue.find(planned.type))
        except Refusal as refusal:
            return point_into(refusal, place)
        return self._named(planned)

    def _named(self, planned: Submit) -> Submit:
        return planned if self._call is None else of_call(planned, self._call)
