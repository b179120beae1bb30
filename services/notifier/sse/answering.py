"""The HTTP of server-sent events: who may have them, how they begin, go on and end."""

import asyncio
import contextlib
import random
from collections.abc import Mapping
from http import HTTPStatus
from typing import Final

from starlette.requests import Request
from starlette.responses import Response

from services.notifier.crowd import Seat
from services.notifier.effects import FEED
from services.notifier.hub import Hub
from services.notifier.messages import is_job_id
from services.notifier.rules import Admission
from services.notifier.sse import wording
from services.notifier.sse.refusing import Refused, problem
from services.notifier.sse.stream import DONE, EventStream
from services.notifier.sse.telling import Telling, Tellings, Visit
from shared.contracts.errors import InvalidToken
from shared.contracts.listing import FeedPlace
from shared.stream.merge import Cursor

_HEADERS: Final = {
    "content-type": "text/event-stream; charset=utf-8",
    "cache-control": "no-store",
    "x-accel-buffering": "no",
}
_CORS: Final = {
    "access-control-allow-methods": "GET",
    "access-control-allow-headers": "authorization, last-event-id, cache-control",
    "access-control-max-age": "600",
}


_USUAL: Final = Tellings()


class Events:
    """Answers `GET /v1/jobs/{job}/events` and `GET /v1/feed/events`, and their preflights."""

    def __init__(self, tellings: Tellings = _USUAL) -> None:
        """Go by these."""
        self._tellings = tellings

    async def answer(self, request: Request) -> Response:
        """Answer; a stream lasts for as long as both want it to."""
        hub: Hub = request.state.hub
        origin = request.headers.get("origin")
        is_welcome = is_allowed(origin, hub)
        allowed = _allowing(origin) if origin and is_welcome else {}
        try:
            _check(request.method, origin, is_welcome=is_welcome)
            if request.method == "OPTIONS":
                return Response(status_code=HTTPStatus.NO_CONTENT, headers={**allowed, **_CORS})
            return await self._open(request, hub, allowed)
        except Refused as refusal:
            hub.tally.refused[str(int(refusal.status))] += 1
            return problem(refusal, allowed)

    async def _open(self, request: Request, hub: Hub, allowed: Mapping[str, str]) -> Response:
        name = request.path_params.get("job", FEED)
        admission = self._admit(request, hub, name)
        cursor = _cursor(name, request.headers.get("last-event-id", ""))
        seat = _seat(request, hub, admission)
        stream = EventStream(hub, admission.grant, name)
        visit = Visit(hub, stream, seat)
        try:
            stream.open(cursor)
            await self._until_live(stream)
        except BaseException:
            visit.leave("refused")
            raise
        if cursor is not None and stream.ended == DONE and stream.told <= 1:
            visit.leave(DONE)
            return Response(status_code=HTTPStatus.NO_CONTENT, headers=dict(allowed))
        ends_at = hub.now() + min(
            admission.seconds + hub.rules.token_grace,
            hub.rules.max_age * random.uniform(0.9, 1.1),  # noqa: S311 - no secret
        )
        return Telling(
            visit, stream, self._tellings, ends_at=ends_at, headers={**_HEADERS, **allowed}
        )

    def _admit(self, request: Request, hub: Hub, name: str) -> Admission:
        scheme, _, token = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not token:
            detail = "Send a browser token: Authorization: Bearer <token>."
            raise Refused(HTTPStatus.UNAUTHORIZED, "unauthenticated", detail)
        try:
            admission = hub.admit(token.strip())
        except InvalidToken as fault:
            raise Refused(HTTPStatus.UNAUTHORIZED, fault.code, fault.detail) from fault
        grant = admission.grant
        if name == FEED and not grant.feed:
            raise Refused(HTTPStatus.FORBIDDEN, "forbidden", "The token does not allow the feed.")
        if name != FEED and not is_job_id(name):
            raise Refused(HTTPStatus.NOT_FOUND, "job-not-found", "There is no such job.")
        if name != FEED and not grant.allows(name):
            detail = f"The token does not allow job {name}."
            raise Refused(HTTPStatus.FORBIDDEN, "forbidden", detail)
        return admission

    async def _until_live(self, stream: EventStream) -> None:
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(self._tellings.placed_within):
                while not (stream.is_live or stream.ended or stream.told):
                    await stream.something.wait()
                    stream.something.clear()
        if stream.missing:
            raise Refused(HTTPStatus.NOT_FOUND, "job-not-found", "There is no such job.")
        if not (stream.is_live or stream.ended or stream.told):
            detail = "The store does not answer: ask again later."
            raise Refused(
                HTTPStatus.SERVICE_UNAVAILABLE, "store-unavailable", detail, retry_after=2
            )


def is_allowed(origin: str | None, hub: Hub) -> bool:
    """Whether a page of this origin may ask; as for a WebSocket."""
    return any(
        origin == one if one is None or isinstance(one, str) else one.fullmatch(origin or "")
        for one in hub.origins
    )


def _allowing(origin: str) -> dict[str, str]:
    return {"access-control-allow-origin": origin, "vary": "origin"}


def _check(method: str, origin: str | None, *, is_welcome: bool) -> None:
    if not is_welcome:
        detail = f"Pages of {origin} may not ask here."
        raise Refused(HTTPStatus.FORBIDDEN, "origin-refused", detail)
    if method == "HEAD":
        detail = "Events are for GET."
        raise Refused(HTTPStatus.METHOD_NOT_ALLOWED, "method-not-allowed", detail)


def _cursor(name: str, last_event_id: str) -> Cursor | FeedPlace | None:
    try:
        if name == FEED:
            return wording.feed_cursor(last_event_id)
        return wording.job_cursor(last_event_id)
    except wording.BadIdError as fault:
        detail = "Last-Event-ID is none of this stream's: send an id that it gave, or none."
        raise Refused(HTTPStatus.BAD_REQUEST, "bad-header", detail) from fault


def _seat(request: Request, hub: Hub, admission: Admission) -> Seat:
    peer = (request.client.host, request.client.port) if request.client else None
    newcomer = hub.door.newcomer(peer, hub.now())
    refusal = newcomer.knock(request.headers.getlist("x-forwarded-for"))
    if refusal is not None:
        raise Refused(refusal.status, refusal.code, refusal.detail, retry_after=refusal.retry_after)
    if newcomer.is_too_many:
        detail = "This server is full: try again later."
        raise Refused(HTTPStatus.SERVICE_UNAVAILABLE, "overloaded", detail, retry_after=2)
    seat = newcomer.enter()
    if not seat.take(admission.grant):
        seat.leave()
        detail = "Too many connections of this token or its tenant: close some of them."
        raise Refused(HTTPStatus.TOO_MANY_REQUESTS, "too-many-connections", detail, retry_after=60)
    return seat
