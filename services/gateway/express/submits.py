"""POST /v1/jobs without a task: what is plain about it is done at once, the rest by callback.

Whatever is out of the ordinary (a header that asks for more, a fault, a key or type that has to be
looked up, an empty bucket) is left to the app, which begins anew and says what there is to say. So
there is one place for each refusal, and this one answers as that one does.
"""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import structlog

from services.gateway.accepted import answer_for
from services.gateway.accepting.gathering import Told
from services.gateway.accepting.outcomes import Accepted, Outcome
from services.gateway.credentials import Caller, Scope
from services.gateway.crowd import Crowd
from services.gateway.edge import name_of_request
from services.gateway.express.front import Answer, RawHeader
from services.gateway.express.head import Head
from services.gateway.express.heads import head_of, head_of_problem
from services.gateway.parts import Parts
from services.gateway.problems import problem
from services.gateway.requests.bodies import check_json_headers, parse_json
from services.gateway.requests.idempotency import HEADER, idempotency_key
from services.gateway.routes.jobs import ROUTE_OF_SUBMIT
from services.gateway.tracing import Call, of_call
from services.gateway.wanted import read_at_once
from shared.contracts.errors import WaymarkError
from shared.contracts.operations import Submit
from shared.contracts.tracing import TraceContext

_METHOD, _PATH = ROUTE_OF_SUBMIT.split(" ")
_UNUSUAL: Final = frozenset({b"origin", b"prefer"})

log = structlog.get_logger()


@dataclass(slots=True)
class _Visit:
    """A request under way."""

    request_id: str
    caller: Caller
    standing: Sequence[RawHeader]
    began: float
    answer: Answer
    call: Call | None
    foreseen: Outcome | None = None
    ready: tuple[int, bytes, bytes] | None = None  # the answer to it


class SubmitClerk:
    """Takes plain submits."""

    target: Final = _PATH.encode()

    def __init__(self, parts: Parts, crowd: Crowd) -> None:
        """Keep what the app works with too."""
        self._parts = parts
        self._crowd = crowd

    def take(self, headers: Sequence[RawHeader], body: bytes, answer: Answer) -> bool:
        """Take a submit, or leave it to the app."""
        parts, began = self._parts, time.monotonic()
        if self._crowd.is_full or len(body) > parts.limits.body:
            return False
        known = Head(headers)
        if known.has_any(_UNUSUAL):
            return False
        try:
            caller = parts.gate.known_caller(known)
            operation = self._read(known, body, caller)
        except WaymarkError:
            return False
        standing = None if operation is None else parts.gate.admit_at_once(caller)
        if operation is None or standing is None:
            return False
        name = name_of_request(known.get("x-request-id", ""))
        call = self._begin_span(known, operation) if parts.tracing.on else None
        if call is not None:
            operation = of_call(operation, call)
        visit = _Visit(name, caller, standing, began, answer, call)
        self._crowd.enter()
        parts.submission.accept_and_tell(
            operation,
            lambda told: self._leave(visit, told),
            lambda foreseen: self._prepare(visit, foreseen),
        )
        return True

    def _read(self, headers: Head, body: bytes, caller: Caller) -> Submit | None:
        caller.demand(Scope.SUBMIT)
        check_json_headers(headers)
        parsed = parse_json(body)
        key = idempotency_key(
            headers.get(HEADER), parsed, tenant=caller.tenant, route=ROUTE_OF_SUBMIT
        )
        wanted, payload = read_at_once(self._parts, body, parsed)
        return self._parts.submission.plan_at_once(
            wanted, payload, caller=caller, trace=self._parts.tracing.context_of(headers), key=key
        )

    def _begin_span(self, headers: Head, operation: Submit) -> Call | None:
        context = TraceContext(operation.traceparent or "", operation.tracestate)
        return self._parts.tracing.begin(headers, context)

    def _prepare(self, visit: _Visit, foreseen: Outcome) -> None:
        visit.ready = self._answer(visit, foreseen)
        visit.foreseen = foreseen

    def _leave(self, visit: _Visit, told: Told) -> None:
        self._crowd.leave()
        try:
            ready = visit.ready if told is visit.foreseen else None
            status, head, body = ready or self._answer(visit, told)
        except Exception as mistake:  # noqa: BLE001 - the outermost: it is counted and told there
            status, head, body = self._apology(visit, mistake)
        self._parts.metrics.answered(_METHOD, _PATH, status, time.monotonic() - visit.began)
        if visit.call is not None:
            self._parts.tracing.end(visit.call, _METHOD, _PATH, status)
        visit.answer(head, body)

    def _answer(self, visit: _Visit, told: Told) -> tuple[int, bytes, bytes]:
        if isinstance(told, Accepted):
            done = answer_for(told, told.job, self._parts, visit.caller)
            head = head_of(done.status, done.headers, done.body, visit.request_id, visit.standing)
            return done.status, head, done.body
        if isinstance(told, WaymarkError):
            refusal = problem(told, request_id=visit.request_id)
            head = head_of_problem(refusal, visit.request_id, visit.standing)
            return refusal.status_code, head, bytes(refusal.body)
        raise told

    def _apology(self, visit: _Visit, mistake: Exception) -> tuple[int, bytes, bytes]:
        self._parts.metrics.crashed()
        log.error("request_crashed", request_id=visit.request_id, exc_info=mistake)
        return self._answer(visit, WaymarkError())
