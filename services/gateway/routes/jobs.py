"""/v1/jobs: submit, read, list, cancel."""

import time
from collections.abc import Awaitable, Callable
from typing import Final

from fastapi import FastAPI, Request, Response

from services.gateway.accepted import answer_for
from services.gateway.accepting.outcomes import Accepted
from services.gateway.cancel import cancel_job, check_cancellable, parse_cancel
from services.gateway.credentials import Caller, Scope
from services.gateway.job_list import parse_page_request, write_cursor
from services.gateway.openapi import document as openapi
from services.gateway.parts import Parts
from services.gateway.problems import STATUS
from services.gateway.read import read_job
from services.gateway.refusals import Refusal
from services.gateway.render import JSON, respond, respond_json, unchanged
from services.gateway.requests.bodies import (
    check_json_headers,
    optional_json,
    parse_json,
    receive_body,
)
from services.gateway.requests.idempotency import HEADER, idempotency_key
from services.gateway.requests.jobs import JobRequest
from services.gateway.tracing import call_of, of_call
from services.gateway.waiting import is_known, preferred_wait
from services.gateway.wanted import read_job_request
from shared.contracts.errors import StoreUnavailable
from shared.contracts.operations import IdempotencyKey, ListJobs

ReadRequest = Callable[[Parts, bytes, object], Awaitable[tuple[JobRequest, str]]]
"""Turns a body and its JSON into a request and the exact text of its payload."""

ROUTE_OF_SUBMIT: Final = "POST /v1/jobs"


def add_routes(app: FastAPI, parts: Parts) -> None:
    """Add the routes of this noun."""
    _add_submit(app, parts)
    _add_list(app, parts)
    _add_read(app, parts)
    _add_cancel(app, parts)


def _add_submit(app: FastAPI, parts: Parts) -> None:
    @app.post("/v1/jobs", status_code=202, **openapi.SUBMIT)
    async def submit_job(request: Request) -> Response:
        """Put a job on record and into the broker; 202 means it is safe."""
        return await submit(request, parts, route=ROUTE_OF_SUBMIT, read=read_job_request)


def _add_list(app: FastAPI, parts: Parts) -> None:
    @app.get("/v1/jobs", **openapi.LIST_JOBS)
    async def list_jobs(request: Request) -> Response:
        """List the tenant's jobs, newest first."""
        caller = await parts.gate.caller(request)
        caller.demand(Scope.READ)
        page = parse_page_request(request.query_params.multi_items(), tenant=caller.tenant)
        found = await parts.store.do(
            ListJobs(tenant=caller.tenant, before=page.before, limit=page.limit, filter=page.filter)
        )
        cursor = found.next and write_cursor(found.next, tenant=caller.tenant, wanted=page.filter)
        operator = Scope.OPERATE in caller.scopes
        return respond_json(
            {
                "data": [parts.renderer.job(job, operator=operator) for job in found.jobs],
                "page": {"next": cursor, "has_more": cursor is not None},
                "as_of": {"epoch": found.as_of.epoch, "seq": found.as_of.seq},
            },
            headers={"link": page.link(cursor, base_url=parts.renderer.base_url)}
            if cursor
            else None,
        )


def _add_read(app: FastAPI, parts: Parts) -> None:
    @app.get("/v1/jobs/{job}", **openapi.READ_JOB)
    async def get_job(job: str, request: Request) -> Response:
        """Read one job."""
        caller = await parts.gate.caller(request)
        record = await read_job(job, caller=caller, store=parts.store)
        known, seconds = request.headers.get("if-none-match"), _wait(request)
        headers: dict[str, str] = {}
        if known is not None and seconds:
            record = await parts.waiting.until_changed(record, seconds, known)
            headers = {"preference-applied": f"wait={seconds}"}
        if is_known(record, known):
            return unchanged(record, now_ms=_now_ms(), headers=headers)
        view = parts.renderer.job(record, operator=Scope.OPERATE in caller.scopes)
        return respond(view, record, now_ms=_now_ms(), headers=headers)


def _add_cancel(app: FastAPI, parts: Parts) -> None:
    @app.post("/v1/jobs/{job}/cancel", **openapi.CANCEL_JOB)
    async def post_cancel(job: str, request: Request) -> Response:
        """Call a job off: 200 when it does not run, 202 when it does and has been told."""
        caller = await parts.gate.caller(request)
        check_cancellable(job, caller)
        body = await optional_json(request, limit=parts.limits.body)
        operation = parse_cancel(body, job=job, tenant=caller.tenant)
        cancelled = await cancel_job(
            operation, by=caller.name, store=parts.store, metrics=parts.metrics
        )
        if Scope.OPERATE in caller.scopes:
            await parts.audit.note(
                tenant=caller.tenant,
                by=caller.name,
                action="job.cancel",
                target=job,
                reason=operation.reason,
            )
        view = parts.renderer.job(cancelled.job, operator=Scope.OPERATE in caller.scopes)
        status = 202 if cancelled.pending else 200
        return respond(view, cancelled.job, now_ms=_now_ms(), status=status)


async def submit(request: Request, parts: Parts, *, route: str, read: ReadRequest) -> Response:
    """Carry out any call that submits one job; `route` is the scope of its Idempotency-Key."""
    caller = await parts.gate.caller(request)
    caller.demand(Scope.SUBMIT)
    try:
        accepted = await _submit(request, parts, caller, route, read)
    except Refusal as refusal:
        _count(refusal, parts)
        raise
    return await _accepted(accepted, parts, caller, _wait(request))


async def _submit(
    request: Request, parts: Parts, caller: Caller, route: str, read: ReadRequest
) -> Accepted:
    check_json_headers(request.headers)
    body = await receive_body(request, limit=parts.limits.body)
    parsed = parse_json(body)
    header = request.headers.get(HEADER)
    key = idempotency_key(header, parsed, tenant=caller.tenant, route=route)
    try:
        wanted, payload = await read(parts, body, parsed)
        trace = parts.tracing.of_request(request)
        operation = await parts.submission.plan(
            wanted, payload, caller=caller, trace=trace, key=key
        )
    except Refusal:
        # What is refused today (its expires_at has passed, its type is gone) may be the repeat of
        # a request that was accepted: that one gets its job.
        known = None if key is None else await _recall(key, parts, caller)
        if known is None:
            raise
        return known
    call = call_of(request)
    return await parts.submission.accept(of_call(operation, call) if call else operation)


async def _recall(key: IdempotencyKey, parts: Parts, caller: Caller) -> Accepted | None:
    try:
        return await parts.submission.recall(key, tenant=caller.tenant)
    except StoreUnavailable:
        return None  # the refusal stands by itself


async def _accepted(
    accepted: Accepted, parts: Parts, caller: Caller, seconds: int | None
) -> Response:
    job = accepted.job
    if seconds:
        job = await parts.waiting.until_final(job, seconds)
    answer = answer_for(accepted, job, parts, caller, waited=seconds)
    return Response(answer.body, answer.status, answer.headers, JSON)


def _count(refusal: Refusal, parts: Parts) -> None:
    # what `submit.py` refuses it has counted itself, with the queue
    if outcome := outcome_of(refusal):
        parts.metrics.submitted("", outcome)


def outcome_of(refusal: Refusal) -> str | None:
    """Return how a request that was refused before the store was asked is counted."""
    if refusal.code == "idempotency-key-reused":
        return None
    outcomes = {400: "invalid", 413: "too_large", 415: "invalid", 422: "invalid"}
    return outcomes.get(STATUS[refusal.code])


def _wait(request: Request) -> int | None:
    return preferred_wait(request.headers.get("prefer"))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
