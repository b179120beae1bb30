"""The whole gateway on fakes, with a client that speaks to it without a socket."""

import hashlib
import json
import time
from pathlib import Path
from typing import Any, Final

import httpx
from fastapi import FastAPI

from services.gateway.access import TokenDesk
from services.gateway.app import build_api, build_gateway
from services.gateway.audit.trail import AuditTrail
from services.gateway.catalogue import Catalogue
from services.gateway.dead_letters.metrics import LetterMetrics
from services.gateway.gate import Gate
from services.gateway.keys.file import KeysFile
from services.gateway.keys.office import KeyOffice
from services.gateway.keys.ring import KeyRing
from services.gateway.metrics import Metrics
from services.gateway.parts import Limits, Parts
from services.gateway.planning import USUAL_TERMS, Terms
from services.gateway.queues.broker_side import BrokerSide
from services.gateway.queues.desk import QueueDesk
from services.gateway.rate.limiter import RateLimiter
from services.gateway.rate.local import LocalBuckets
from services.gateway.rate.turnstile import FAILURES, Turnstile
from services.gateway.redrive import Redriving
from services.gateway.render import Renderer
from services.gateway.submit import Submission
from services.gateway.tracing import Tracing
from services.gateway.waiting import Waiting
from services.gateway.webhooks.desk import WebhookDesk
from shared.contracts.catalog import CatalogEntry
from shared.contracts.rates import Rate
from shared.runtime.settings import WebhookSettings
from shared.runtime.tracing.spans import OFF, Span, Tracer
from shared.stream.switchboard import Switchboard
from tests.fakes.audit import FakeAudit
from tests.fakes.buckets import FakeBuckets
from tests.fakes.depths import FakeDepths
from tests.fakes.feed import FakeFeed
from tests.fakes.key_book import FakeKeyBook
from tests.fakes.pauses import FakePauses
from tests.fakes.publisher import FakePublisher
from tests.fakes.registry import FakeRegistry, a_worker, an_entry
from tests.fakes.store import AsyncFakeStore, FakeStore

TOKEN_SECRET: Final = "a secret of forty characters, or so it is"
ALL: Final = ("submit", "read", "operate")
WEBHOOKS: Final = {"webhook_secrets": "a house secret of forty characters or so"}
DEV: Final = "Bearer wm_dev_dev-secret"


def a_key(name: str, *, tenant: str, scopes: tuple[str, ...] = ALL) -> dict[str, object]:
    """Return the line of the keys file for the key text `wm_<name>_<name>-secret`."""
    return {
        "id": name,
        "secret_sha256": hashlib.sha256(f"{name}-secret".encode()).hexdigest(),
        "tenant": tenant,
        "scopes": list(scopes),
        "name": name,
    }


KEYS: Final = (
    a_key("dev", tenant="dev"),
    a_key("other", tenant="other"),
    a_key("reader", tenant="dev", scopes=("read",)),
    a_key("submitter", tenant="dev", scopes=("submit",)),
    a_key("sre", tenant="*"),
)


RATE: Final = Rate(5_000, 10_000)
TOKEN_RATE: Final = Rate(50, 100)


class FakeGateway:
    """The gateway's app, its fakes and a client; `headers` of a call add to the dev key's."""

    def __init__(
        self,
        folder: Path,
        *entries: CatalogEntry,
        origins: tuple[str, ...] = (),
        webhooks: dict[str, str] | None = None,
        terms: Terms = USUAL_TERMS,
        rate: Rate = RATE,
        token_rate: Rate = TOKEN_RATE,
        traced: bool = False,
        ratio: float = 1.0,
    ) -> None:
        keys = folder / "keys.json"
        keys.write_text(json.dumps(KEYS))
        self.store = FakeStore()
        self.publisher = FakePublisher()
        self.registry = FakeRegistry(*(entries or (an_entry(),)))
        self.registry.cards.append(a_worker("w1", "default", "bulk"))
        self.metrics = Metrics()
        self.evicting: str | None = None
        store = AsyncFakeStore(self.store)
        catalogue = Catalogue(registry=self.registry, heard=self.metrics.expect)
        stream_url = "ws://stream.test/v1/stream"
        self.feed = FakeFeed()
        self.switchboard = Switchboard(store, self.feed)
        self.audit = FakeAudit()
        self.key_book = FakeKeyBook()
        self.buckets = FakeBuckets()
        self.ring = KeyRing(KeysFile(keys), self.key_book, now_ms=_now_ms)
        self.pauses = FakePauses()
        self.depths = FakeDepths()
        self.desk = QueueDesk(
            store=store,
            registry=self.registry,
            pauses=self.pauses,
            catalogue=catalogue,
            broker=BrokerSide(self.depths),
        )
        self.spans: list[Span] = []
        tracing = Tracing(Tracer(self.spans.append) if traced else OFF, ratio=ratio)
        parts = Parts(
            gate=Gate(
                ring=self.ring,
                token_secret=TOKEN_SECRET,
                turnstile=_turnstile(self.buckets, rate, token_rate),
                metrics=self.metrics,
                now_ms=_now_ms,
            ),
            store=store,
            submission=Submission(
                store=store,
                publisher=self.publisher,
                catalogue=catalogue,
                metrics=self.metrics,
                tracing=tracing,
                evicting=lambda: self.evicting,
                terms=terms,
            ),
            redriving=Redriving(
                store=store,
                publisher=self.publisher,
                metrics=LetterMetrics(self.metrics.registry),
            ),
            waiting=Waiting(switchboard=self.switchboard, store=store),
            audit=AuditTrail(
                self.audit, registry=self.metrics.registry, now_ms=lambda: self.store.now
            ),
            audit_log=self.audit,
            keys=KeyOffice(self.key_book, self.ring, now_ms=_now_ms),
            catalogue=catalogue,
            queues=self.desk,
            renderer=Renderer("http://api.test", stream_url),
            desk=TokenDesk(TOKEN_SECRET, stream_url),
            webhooks=WebhookDesk(WebhookSettings.model_validate(webhooks or WEBHOOKS)),
            metrics=self.metrics,
            tracing=tracing,
            limits=Limits(
                body=1 << 20,
                bulk_body=16 << 20,
                payload=256 << 10,
                labels=16,
                concurrent_requests=100,
            ),
        )
        self._parts = parts
        self.gateway = build_gateway(parts, ready={}, origins=origins, lifespan=_never)
        transport = httpx.ASGITransport(self.gateway.app, raise_app_exceptions=False)
        self.client = httpx.AsyncClient(
            transport=transport, base_url="http://api.test", headers={"authorization": DEV}
        )

    @property
    def api(self) -> FastAPI:
        """Its routes and their description."""
        return build_api(self._parts, ready={}, lifespan=_never)

    async def submit(self, body: object = None, **headers: str) -> httpx.Response:
        """Submit a job; by default a good one."""
        body = {"type": "demo.steps", "payload": {"steps": 3}} if body is None else body
        return await self.client.post("/v1/jobs", json=body, headers=_spelled(headers))

    async def send(self, content: bytes, **headers: str) -> httpx.Response:
        """Submit exactly these bytes."""
        spelled = {"content-type": "application/json"} | _spelled(headers)
        return await self.client.post("/v1/jobs", content=content, headers=spelled)

    async def get(self, path: str, **headers: str) -> httpx.Response:
        """Read something."""
        return await self.client.get(path, headers=_spelled(headers))

    async def post(self, path: str, body: object = None, **headers: str) -> httpx.Response:
        """Post something, or nothing."""
        if body is None:
            return await self.client.post(path, headers=_spelled(headers))
        return await self.client.post(path, json=body, headers=_spelled(headers))

    def count(self, name: str, **labels: str) -> float:
        """Return the value of a metric."""
        return self.metrics.registry.get_sample_value(name, labels) or 0.0


def as_key(name: str) -> str:
    """Return the Authorization header of one of KEYS."""
    return f"Bearer wm_{name}_{name}-secret"


def pointers(answer: httpx.Response) -> list[str]:
    """Return what a problem points to."""
    errors: list[dict[str, Any]] = answer.json()["errors"]
    return [error["pointer"] for error in errors]


def _spelled(headers: dict[str, str]) -> dict[str, str]:
    return {name.replace("_", "-"): value for name, value in headers.items()}


def _never() -> Any:
    raise AssertionError("without a server there is no lifespan")


def _now_ms() -> int:
    return time.time_ns() // 1_000_000


def _turnstile(buckets: FakeBuckets, rate: Rate, token_rate: Rate) -> Turnstile:
    return Turnstile(
        tenants=RateLimiter(buckets, rate, policy="tenant"),
        pages=RateLimiter(buckets, rate, policy="pages"),
        tokens=LocalBuckets(token_rate),
        failures=LocalBuckets(FAILURES),
    )
