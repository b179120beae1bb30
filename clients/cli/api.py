"""The HTTP side of the service."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import TracebackType
from typing import Any, Final, Self

import httpx

from clients.cli.exits import Exit, Stop, plain
from clients.cli.problems import stop_for
from clients.cli.settings import Settings, is_loopback

DEADLINE_SECONDS: Final = 15.0  # of one request
TOKEN_SECONDS: Final = 600

_VISIBLE: Final = re.compile(r"[!-~]+")
_QUEUE: Final = re.compile(r"[a-z0-9-]+", re.ASCII)
_JOB_ID: Final = re.compile(r"[0-9A-Za-z-]+")

Document = dict[str, Any]
_LETTERS: Final = "/v1/dead-letters"
_KEYS: Final = "/v1/keys"
_JWT_DOTS: Final = 2  # of a browser token, which may read what it names
_PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class Access:
    """A token for the stream of one job, and where the stream is."""

    token: str
    stream_url: str


class Api:
    """Speaks to the gateway; every method raises `Stop` when it does not work out."""

    def __init__(self, settings: Settings) -> None:
        """Prepare; nothing is sent yet.

        Raises:
            Stop: there is no API key, or the URL is none.
        """
        if settings.api_key is None:
            raise Stop(
                "no API key: set WAYMARK_API_KEY, or start a house here with make up",
                Exit.UNREACHABLE,
            )
        if not _VISIBLE.fullmatch(settings.api_key):  # the text would end up in a header
            raise Stop("WAYMARK_API_KEY is no key: it has spaces or strange signs", Exit.USAGE)
        if not settings.api_key.startswith("wm_") and settings.api_key.count(".") != _JWT_DOTS:
            text = "WAYMARK_API_KEY is no API key: one looks like wm_<id>_<secret>"
            raise Stop(text, Exit.UNREACHABLE)
        if not settings.url.startswith(("http://", "https://")):
            text = f"WAYMARK_URL must start with http:// or https://: {plain(settings.url)}"
            raise Stop(text, Exit.USAGE)
        if settings.tenant is not None and not _VISIBLE.fullmatch(settings.tenant):
            raise Stop("WAYMARK_TENANT is no tenant: it has spaces or strange signs", Exit.USAGE)
        self._settings = settings
        try:
            self._http = httpx.Client(
                base_url=settings.url,
                headers={
                    "authorization": f"Bearer {settings.api_key}",
                    "user-agent": "waymark-cli",
                    **_of(settings.tenant),
                },
                timeout=DEADLINE_SECONDS,
                trust_env=not is_loopback(settings.url),
            )
        except (httpx.InvalidURL, ValueError) as fault:
            raise Stop(f"WAYMARK_URL is no URL: {fault}", Exit.USAGE) from None

    def __enter__(self) -> Self:
        """Use it."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        fault: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close its connections."""
        self._http.close()

    def submit(self, job: Document, *, idempotency_key: str | None) -> Document:
        """Submit a job; return it, with its `access`."""
        headers = {"idempotency-key": idempotency_key} if idempotency_key else {}
        return self._ask("POST", "/v1/jobs", body=job, headers=headers)

    def submit_many(
        self, jobs: Sequence[Document], *, atomic: bool, idempotency_key: str
    ) -> Document:
        """Submit up to 1,000 jobs; return `{data}` with what became of each."""
        headers = {"idempotency-key": idempotency_key}
        body: Document = {"jobs": list(jobs), "atomic": atomic}
        return self._ask("POST", "/v1/jobs/bulk", body=body, headers=headers)

    def job(self, job: str) -> Document:
        """Return one job."""
        return self._ask("GET", _path(job))

    def jobs(self, query: Mapping[str, str | int | float]) -> Document:
        """Return `{data, page}`, the newest jobs first; a page may be short before the end."""
        return self._ask("GET", "/v1/jobs", params=query)

    def cancel(self, job: str, *, reason: str | None, grace_seconds: float | None) -> Document:
        """Call a job off; return it."""
        wishes = {"reason": reason, "grace_seconds": grace_seconds}
        body = {name: wish for name, wish in wishes.items() if wish is not None}
        return self._ask("POST", f"{_path(job)}/cancel", body=body)

    def retry(self, job: str, *, reason: str | None) -> Document:
        """Redrive a dead letter; return the job."""
        return self._ask("POST", f"{_path(job)}/retry", body={"reason": reason} if reason else {})

    def dead_letters(self, query: Mapping[str, str | int | float]) -> Document:
        """Return `{data, page}`, those that failed last first."""
        return self._ask("GET", _LETTERS, params=query)

    def start_campaign(self, action: str, body: Document) -> Document:
        """Start a campaign that redrives or discards; return it, or what a dry run found."""
        return self._ask("POST", f"{_LETTERS}/{action}", body=body)

    def campaign(self, campaign: str) -> Document:
        """Return one campaign."""
        return self._ask("GET", _campaign_path(campaign))

    def campaigns(self) -> Document:
        """Return `{data, page}`, the newest campaigns first."""
        return self._ask("GET", f"{_LETTERS}/campaigns")

    def abort_campaign(self, campaign: str) -> Document:
        """Stop a campaign; return it."""
        return self._ask("POST", f"{_campaign_path(campaign)}/abort", body={})

    def queues(self) -> Document:
        """Return `{data}`: every queue, and with a platform key all about it."""
        return self._ask("GET", "/v1/queues")

    def order_queue(self, order: str, queue: str, *, reason: str | None) -> Document:
        """Pause or resume a queue; return it."""
        if not _QUEUE.fullmatch(queue):
            raise Stop(f"{plain(queue)!r} is no name of a queue", Exit.USAGE)
        return self._ask("POST", f"/v1/queues/{queue}/{order}", body={"reason": reason})

    def workers(self) -> Document:
        """Return `{data}`: the live workers."""
        return self._ask("GET", "/v1/workers")

    def deliver_webhook(self, webhook: Document, *, idempotency_key: str | None) -> Document:
        """Send a webhook; return the job that delivers it, with its `access`."""
        headers = {"idempotency-key": idempotency_key} if idempotency_key else {}
        return self._ask("POST", "/v1/webhooks/deliver", body=webhook, headers=headers)

    def webhook_secret(self) -> Document:
        """Return `{secret, previous}`."""
        return self._ask("GET", "/v1/webhooks/secret")

    def create_key(self, wanted: Document) -> Document:
        """Make an API key; return it, with its text in `key`."""
        return self._ask("POST", _KEYS, body=wanted)

    def keys(self, *, tenant: str | None) -> list[Document]:
        """Return every key, or a tenant's."""
        found: list[Document] = []
        cursor: dict[str, str | int | float] = {}
        while True:
            page = self._ask("GET", _KEYS, params={"limit": _PAGE, **cursor}, headers=_of(tenant))
            found += page["data"]
            if not page["page"]["has_more"]:
                return found
            cursor = {"cursor": page["page"]["next"]}

    def rotate_key(self, key: str, *, overlap_seconds: float, reason: str | None) -> Document:
        """Give a key a new secret; return it, with its text in `key`."""
        body = {"overlap_seconds": overlap_seconds} | ({"reason": reason} if reason else {})
        return self._ask("POST", f"{_key_path(key)}/rotate", body=body)

    def revoke_key(self, key: str, *, reason: str | None) -> Document:
        """Make a key invalid for good; return it."""
        body = {"reason": reason} if reason else {}
        return self._ask("POST", f"{_key_path(key)}/revoke", body=body)

    def audit(self, query: Mapping[str, str | int | float], *, tenant: str | None) -> Document:
        """Return `{data, page}`: what operators did, newest first."""
        return self._ask("GET", "/v1/audit", params=query, headers=_of(tenant))

    def access(self, job: str) -> Access:
        """Get a token to watch a job."""
        body = {"jobs": [job], "ttl_seconds": TOKEN_SECONDS}
        return self.access_in(self._ask("POST", "/v1/tokens", body=body))

    def access_in(self, document: Document) -> Access:
        """Return the access that a submit or a token request was answered with."""
        try:
            return Access(
                token=str(document["token"]),
                stream_url=self._settings.stream_url or str(document["stream_url"]),
            )
        except KeyError as missing:
            raise Stop(f"the service gave no {missing} to watch with", Exit.UNREACHABLE) from None

    def _ask(
        self,
        method: str,
        path: str,
        *,
        body: Document | None = None,
        params: Mapping[str, str | int | float] | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Document:
        try:
            answer = self._http.request(method, path, json=body, params=params, headers=headers)
        except httpx.HTTPError as fault:
            why = str(fault) or type(fault).__name__
            raise Stop(f"{self._settings.url} cannot be reached: {why}", Exit.UNREACHABLE) from None
        if answer.is_error:
            raise stop_for(answer.status_code, answer.content)
        try:
            document = json.loads(answer.content)
        except ValueError:
            document = None
        if not isinstance(document, dict):
            text = f"{self._settings.url} does not speak Waymark ({answer.status_code}, no JSON)"
            raise Stop(text, Exit.UNREACHABLE)
        return document


def _of(tenant: str | None) -> Mapping[str, str]:
    return {} if tenant is None else {"waymark-tenant": tenant}


def _key_path(key: str) -> str:
    if not _JOB_ID.fullmatch(key):  # it is not repeated: perhaps it is the whole key
        raise Stop("that is no key's id, which stands between wm_ and _", Exit.USAGE)
    return f"{_KEYS}/{key}"


def _campaign_path(campaign: str) -> str:
    if not _JOB_ID.fullmatch(campaign):
        raise Stop(f"{plain(campaign)!r} is no campaign id", Exit.USAGE)
    return f"{_LETTERS}/campaigns/{campaign}"


def _path(job: str) -> str:
    if not _JOB_ID.fullmatch(job):
        raise Stop(f"{plain(job)!r} is no job id", Exit.USAGE)
    return f"/v1/jobs/{job}"
