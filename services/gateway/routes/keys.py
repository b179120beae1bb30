"""/v1/keys: API keys. Platform keys only."""

import time
from typing import Final

from fastapi import FastAPI, Request, Response

from services.gateway.credentials import PLATFORM, Caller, Scope
from services.gateway.keys.listing import (
    View,
    file_view,
    page_of,
    parse_keys_query,
    stored_view,
)
from services.gateway.openapi import keys as openapi
from services.gateway.parts import Parts
from services.gateway.refusals import Forbidden, KeyNotFound
from services.gateway.render import respond_json
from services.gateway.requests.bodies import optional_json, read_json
from services.gateway.requests.keys import (
    parse_key_request,
    parse_revocation,
    parse_rotation,
)
from shared.contracts.api_keys import StoredKey

_PATH: Final = "/v1/keys"
_SECRET: Final = {"cache-control": "no-store"}  # of an answer that bears one


def add_routes(app: FastAPI, parts: Parts) -> None:
    """Add the routes of this noun."""
    _add_list(app, parts)
    _add_rotate(app, parts)

    @app.post(_PATH, status_code=201, **openapi.CREATE_KEY)
    async def create_key(request: Request) -> Response:
        """Make a key; its text is in this answer and nowhere else."""
        caller = await _platform(request, parts)
        body = await read_json(request, limit=parts.limits.body)
        wanted = parse_key_request(body, now_ms=_now_ms())
        made = await parts.keys.create(wanted, by=caller.name)
        await _note(parts, caller, "key.create", made.key, None)
        view = stored_view(made.key, now=_now_ms(), used={}) | {"key": made.text}
        location = f"{parts.renderer.base_url}{_PATH}/{made.key.id}"
        return respond_json(view, status=201, headers={"location": location, **_SECRET})

    @app.get(f"{_PATH}/{{key}}", **openapi.READ_KEY)
    async def get_key(key: str, request: Request) -> Response:
        """Read one key, without its secret."""
        await _platform(request, parts)
        found = next((view for view in await _views(parts) if view["id"] == key), None)
        if found is None:
            raise KeyNotFound
        return respond_json(found)

    @app.post(f"{_PATH}/{{key}}/revoke", **openapi.REVOKE_KEY)
    async def revoke_key(key: str, request: Request) -> Response:
        """Make a key invalid for good, on every gateway within two seconds."""
        caller = await _platform(request, parts)
        reason = parse_revocation(await optional_json(request, limit=parts.limits.body))
        found = await parts.keys.revoke(key)
        await _note(parts, caller, "key.revoke", found, reason)
        return respond_json(stored_view(found, now=_now_ms(), used={}))


def _add_rotate(app: FastAPI, parts: Parts) -> None:
    @app.post(f"{_PATH}/{{key}}/rotate", **openapi.ROTATE_KEY)
    async def rotate_key(key: str, request: Request) -> Response:
        """Give a key a new secret; the old one stays valid for the overlap."""
        caller = await _platform(request, parts)
        wanted = parse_rotation(await optional_json(request, limit=parts.limits.body))
        made = await parts.keys.rotate(key, overlap_ms=wanted.overlap_ms)
        await _note(parts, caller, "key.rotate", made.key, wanted.reason)
        view = stored_view(made.key, now=_now_ms(), used={}) | {"key": made.text}
        return respond_json(view, headers=_SECRET)


def _add_list(app: FastAPI, parts: Parts) -> None:
    @app.get(_PATH, **openapi.LIST_KEYS)
    async def list_keys(request: Request) -> Response:
        """List the keys of the store and of this gateway's file, by id."""
        caller = await _platform(request, parts)
        query = parse_keys_query(request.query_params, tenant=caller.named_tenant)
        page, cursor = page_of(await _views(parts), query)
        link = f'<{parts.renderer.base_url}{_PATH}?cursor={cursor}&limit={query.limit}>; rel="next"'
        return respond_json(
            {"data": page, "page": {"next": cursor, "has_more": cursor is not None}},
            headers={"link": link} if cursor else None,
        )


async def _views(parts: Parts) -> list[View]:
    stored, used = await parts.keys.browse()
    now, of_file = _now_ms(), parts.keys.of_file
    mine = (key for id_, key in stored.items() if id_ not in of_file)
    return [
        *(stored_view(key, now=now, used=used) for key in mine),
        *(file_view(key, now=now, used=used) for key in of_file.values()),
    ]


async def _platform(request: Request, parts: Parts) -> Caller:
    caller = await parts.gate.caller(request)
    caller.demand(Scope.OPERATE)
    if caller.home != PLATFORM:
        raise Forbidden("Only a platform key may look after API keys.")
    return caller


async def _note(
    parts: Parts, caller: Caller, action: str, key: StoredKey, reason: str | None
) -> None:
    tenant = None if key.tenant == PLATFORM else key.tenant
    await parts.audit.note(
        tenant=tenant, by=caller.name, action=action, target=f"key:{key.id}", reason=reason
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
