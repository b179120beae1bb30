"""Carries one webhook to its target and brings back what was said. Knows no jobs and no retries."""

import functools
import ssl
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

import certifi
import httpcore

from services.worker.jobs.webhook.dialing import (
    Budget,
    CheckedBackend,
    Resolve,
    Unresolved,
    ask_dns,
    checked_addresses,
)
from shared.contracts.webhooks.signatures import signature
from shared.contracts.webhooks.targets import Target, TargetRules

TOTAL_SECONDS: Final = 15.0  # from the question for its address to the last byte
EXCERPT_SECONDS: Final = 2.0  # for the body: the status has said all that counts
EXCERPT_BYTES: Final = 1_024
USER_AGENT: Final = "Waymark-Webhooks/1"


class Unheard(Exception):
    """The target gave no answer; whether it got the webhook is not known."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Webhook:
    """What is sent; `event_id` stays the same however often that is; `trace`: further headers."""

    url: str
    event_id: str
    body: bytes
    trace: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Answer:
    """What the target said: `excerpt` is the start of the body, `retry_after` the header."""

    status: int
    excerpt: bytes
    retry_after: str | None
    seconds: float
    address: str


class Courier:
    """Sends webhooks of one tenant."""

    def __init__(
        self,
        *,
        rules: TargetRules,
        secrets: Sequence[str],
        resolve: Resolve = ask_dns,
        now: Callable[[], float] = time.time,
        total_seconds: float = TOTAL_SECONDS,
        tls: ssl.SSLContext | None = None,
    ) -> None:
        """Keep what it works with; `secrets` are the tenant's, `whsec_…`.

        `tls` None: certificates that the system or Mozilla trusts.
        """
        self._rules = rules
        self._secrets = secrets
        self._resolve = resolve
        self._now = now
        self._total_seconds = total_seconds
        self._tls = tls

    def send(self, webhook: Webhook) -> Answer:
        """Send it once: no redirect is followed, no proxy asked, no cookie kept.

        Raises:
            TargetRefused: it may not be sent there.
            Unheard: no answer came.
        """
        started = time.monotonic()
        budget = Budget(self._total_seconds)
        target = self._rules.check(webhook.url)
        try:
            addresses = checked_addresses(target, self._rules, self._resolve, budget)
            backend = CheckedBackend(addresses, budget)
            tls = (self._tls or _usual_tls()) if target.scheme == "https" else None
            with httpcore.ConnectionPool(ssl_context=tls, network_backend=backend) as pool:
                status, retry_after, excerpt = self._ask(pool, target, webhook, budget)
        except Unresolved as fault:
            raise Unheard(f"the name could not be resolved: {fault}") from fault
        except (
            httpcore.NetworkError,
            httpcore.TimeoutException,
            httpcore.ProtocolError,
        ) as fault:
            raise Unheard(f"{type(fault).__name__}: {fault}") from fault
        return Answer(
            status=status,
            excerpt=excerpt,
            retry_after=retry_after,
            seconds=round(time.monotonic() - started, 3),
            address=str(backend.dialled),
        )

    def _ask(
        self, pool: httpcore.ConnectionPool, target: Target, webhook: Webhook, budget: Budget
    ) -> tuple[int, str | None, bytes]:
        url = httpcore.URL(
            scheme=target.scheme.encode(),
            host=target.host.encode(),
            port=target.port,
            target=target.path.encode(),
        )
        headers = self._headers(target, webhook)
        with pool.stream("POST", url, headers=headers, content=webhook.body) as response:
            named = {name.lower(): value.decode("latin-1") for name, value in response.headers}
            budget.shorten(EXCERPT_SECONDS)
            return response.status, named.get(b"retry-after"), _excerpt(response)

    def _headers(self, target: Target, webhook: Webhook) -> list[tuple[str, str]]:
        timestamp = int(self._now())
        signed = signature(
            self._secrets, event_id=webhook.event_id, timestamp=timestamp, body=webhook.body
        )
        return [
            ("Host", target.authority),
            ("Content-Type", "application/json"),
            ("Content-Length", str(len(webhook.body))),
            ("Accept-Encoding", "identity"),
            ("Connection", "close"),
            ("User-Agent", USER_AGENT),
            ("webhook-id", webhook.event_id),
            ("webhook-timestamp", str(timestamp)),
            ("webhook-signature", signed),
            *webhook.trace.items(),
        ]


def _excerpt(response: httpcore.Response) -> bytes:
    # Whatever becomes of the body, it was answered: sent again, it would come twice.
    kept = bytearray()
    try:
        for chunk in response.iter_stream():
            kept += chunk
            if len(kept) >= EXCERPT_BYTES:
                break
    except (httpcore.NetworkError, httpcore.TimeoutException, httpcore.ProtocolError):
        pass
    return bytes(kept[:EXCERPT_BYTES])


@functools.cache
def _usual_tls() -> ssl.SSLContext:
    # The system's authorities (SSL_CERT_FILE) and Mozilla's: one may be missing on the machine.
    context = ssl.create_default_context(cafile=certifi.where())
    context.load_default_certs()
    return context
