"""What each call of the API may show to whom: one case for every route, and the world it is in."""

import uuid
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import Enum, auto
from typing import Any

import httpx
import uuid_utils

from shared.adapters.store_redis import RedisStore
from tests.fakes.dead_letters import bury
from tests.fakes.gateway import DEV, as_key
from tests.integration.gateway_running import RunningGateway

OWNER, NEIGHBOUR = "dev", "other"
CANARY = "canary-7d1f0c"  # in everything that the owner's things say


class Kind(Enum):
    """What a call is about."""

    OPEN = auto()  # no credentials
    COMMON = auto()  # the same for every tenant: what can be run, which queues there are
    HOUSE = auto()  # platform keys only
    OWN = auto()  # the tenant's: a list, or something new
    THING = auto()  # one thing of the tenant's


Body = Callable[[str], object]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One call. `thing` is what its path or body names; `reader` may be a read-only key's status.

    `absent` is the answer about a thing that is not there, or another's; `token` the answer to a
    browser token that does not name it.
    """

    kind: Kind
    thing: str = "job"
    body: Body | None = None
    query: Mapping[str, str] = field(default_factory=dict)
    reader: int = 403
    absent: int = 404
    token: int = 403


def _named(*, dry_run: bool) -> Body:
    return lambda thing: {"ids": [thing], "dry_run": dry_run}


def _job(_thing: str) -> object:
    return {"type": "demo.steps", "payload": {"steps": 1}}


def _webhook(_thing: str) -> object:
    return {"url": "https://example.com/hook", "payload": {"n": 1}}


CASES: Mapping[str, Case] = {
    "submit_job": Case(kind=Kind.OWN, body=_job),
    "submit_bulk": Case(kind=Kind.OWN, body=lambda thing: {"jobs": [_job(thing)]}),
    "list_jobs": Case(kind=Kind.OWN, reader=200),
    "get_job": Case(kind=Kind.THING, reader=200, token=404),
    "post_cancel": Case(kind=Kind.THING, token=404),
    "retry_job": Case(kind=Kind.THING, thing="letter"),
    "list_letters": Case(kind=Kind.OWN),
    "redrive_letters": Case(kind=Kind.THING, thing="letter", absent=200, body=_named(dry_run=True)),
    "discard_letters": Case(kind=Kind.THING, thing="letter", absent=200, body=_named(dry_run=True)),
    "list_campaigns": Case(kind=Kind.OWN),
    "get_campaign": Case(kind=Kind.THING, thing="campaign"),
    "post_abort": Case(kind=Kind.THING, thing="campaign"),
    "mint_token": Case(kind=Kind.THING, reader=201, body=lambda thing: {"jobs": [thing]}),
    "list_entries": Case(kind=Kind.OWN),
    "list_keys": Case(kind=Kind.HOUSE),
    "get_key": Case(kind=Kind.HOUSE, thing="key"),
    "create_key": Case(
        kind=Kind.HOUSE, body=lambda _: {"tenant": NEIGHBOUR, "scopes": ["operate"]}
    ),
    "rotate_key": Case(kind=Kind.HOUSE, thing="key"),
    "revoke_key": Case(kind=Kind.HOUSE, thing="key"),
    "list_types": Case(kind=Kind.COMMON, reader=200),
    "get_type": Case(kind=Kind.COMMON, thing="type", reader=200),
    "list_queues": Case(kind=Kind.COMMON, reader=200),
    "get_queue": Case(kind=Kind.COMMON, thing="queue", reader=200),
    "pause_queue": Case(kind=Kind.HOUSE, thing="queue", body=lambda _: {"reason": "spite"}),
    "resume_queue": Case(kind=Kind.HOUSE, thing="queue", body=lambda _: {"reason": "spite"}),
    "list_workers": Case(kind=Kind.HOUSE),
    "deliver_webhook": Case(kind=Kind.OWN, body=_webhook),
    "get_webhook_secret": Case(kind=Kind.OWN),
    "is_live": Case(kind=Kind.OPEN),
    "is_ready": Case(kind=Kind.OPEN),
    "read_metrics": Case(kind=Kind.OPEN),
}
"""By operation id. A route without a case fails test_tenants_are_walls.py."""


@dataclass(frozen=True, kw_only=True)
class World:
    """What the owner has, and who else calls."""

    url: str
    things: Mapping[str, str]
    callers: Mapping[str, Mapping[str, str]]
    calls: Mapping[str, tuple[str, str]]
    """Method and path of each operation."""

    @classmethod
    def build(cls, gateway: RunningGateway) -> "World":
        """Give the owner one of everything."""
        store = RedisStore(gateway.redis_url)
        (letter,) = bury(store, OWNER, 1, code=CANARY)
        store.close()
        with _client(gateway, DEV) as http:
            job, elsewhere = (_ok(http.post("/v1/jobs", json=_labelled()))["id"] for _ in range(2))
            reason: dict[str, object] = {"reason": CANARY}
            search = {"filter": {"type": CANARY}, **reason}
            campaign = _ok(http.post("/v1/dead-letters/redrive", json=search))["id"]
            _ok(http.post(f"/v1/jobs/{elsewhere}/cancel", json=reason))  # for the audit log
            token = _token(http, {"jobs": [elsewhere], "cancel": True})
            document = http.get("/openapi.json").json()
        with _client(gateway, as_key("other")) as http:
            their_token = _token(http, {"feed": True, "cancel": True})
        with _client(gateway, as_key("sre")) as http:
            wanted = {"tenant": OWNER, "scopes": ["read"], "name": CANARY}
            key = _ok(http.post("/v1/keys", json=wanted))["id"]
        return cls(
            url=gateway.url,
            things={
                "job": job,
                "letter": letter,
                "campaign": campaign,
                "key": key,
                "type": "demo.steps",
                "queue": "default",
            },
            callers=_callers(token, their_token),
            calls={
                told["operationId"]: (method.upper(), path)
                for path, methods in document["paths"].items()
                for method, told in methods.items()
            },
        )

    async def call(
        self, http: httpx.AsyncClient, name: str, caller: str, *, thing: str | None = None
    ) -> httpx.Response:
        """Make a call about the owner's thing, or about another; with a good body."""
        case, (method, path) = CASES[name], self.calls[name]
        thing = thing or self.things[case.thing]
        start, brace, rest = path.partition("{")
        if brace:
            path = f"{start}{thing}{rest.partition('}')[2]}"
        more: dict[str, Any] = {} if case.body is None else {"json": case.body(thing)}
        return await http.request(
            method, path, headers=self.callers[caller], params=case.query, **more
        )


def _callers(token: str, their_token: str) -> Mapping[str, Mapping[str, str]]:
    theirs = as_key("other")
    head, claims, signature = token.split(".")
    forged = f"{head}.{claims}.{signature[::-1]}"
    named = {
        "nobody": "",
        "a made-up key": "Bearer wm_nobody_nothing",
        "a wrong secret": "Bearer wm_dev_other-secret",
        "a key that is not one": "Bearer wm_",
        "another scheme": "Basic ZGV2OmRldg==",
        "a forged token": f"Bearer {forged}",
        "an unsigned token": f"Bearer eyJhbGciOiJub25lIiwidHlwIjoiSldUIn0.{claims}.",
        "the neighbour": theirs,
        "the neighbour's token": f"Bearer {their_token}",
        "a token for another job": f"Bearer {token}",
        "a reader": as_key("reader"),
        "a platform key": as_key("sre"),
    }
    callers = {name: {"authorization": value} for name, value in named.items() if value}
    intruding = {"authorization": theirs, "waymark-tenant": OWNER}
    return {**callers, "nobody": {}, "the neighbour in the owner's name": intruding}


STRANGERS = (
    "nobody",
    "a made-up key",
    "a wrong secret",
    "a key that is not one",
    "another scheme",
    "a forged token",
    "an unsigned token",
)


def missing() -> str:
    """Return an id that nothing has."""
    return str(uuid_utils.uuid7())


def gist(answer: httpx.Response, thing: str) -> tuple[int, dict[str, str], str]:
    """Return an answer without what differs from one request to the next."""
    varying = {"date", "x-request-id", "content-length", "ratelimit"}
    headers = {name: text for name, text in answer.headers.items() if name not in varying}
    body = answer.text.replace(answer.headers["x-request-id"], "<request>")
    return answer.status_code, headers, body.replace(thing, "<thing>")


def _client(gateway: RunningGateway, key: str) -> httpx.Client:
    return httpx.Client(base_url=gateway.url, headers={"authorization": key}, trust_env=False)


def _labelled() -> dict[str, object]:
    unique = f"{CANARY}-{uuid.uuid4().hex}"
    return {
        "type": "demo.steps",
        "payload": {"steps": 1, "rest": CANARY},
        "labels": {"who": CANARY},
        "unique_key": unique,
    }


def _ok(answer: httpx.Response) -> dict[str, Any]:
    assert answer.is_success, answer.text
    found: dict[str, Any] = answer.json()
    return found


def _token(http: httpx.Client, wanted: dict[str, object]) -> str:
    return str(_ok(http.post("/v1/tokens", json=wanted))["token"])
