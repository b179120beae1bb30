"""Callbacks as their receiver sees them; checked by an implementation that shares no code."""

import base64
import hashlib
import hmac
import json
import time
from typing import Any

import httpx

from tests.e2e.outside import Gateway
from tests.integration.webhook_receivers import Heard, Receiver


async def submit_with_callback(
    gateway: Gateway, http: httpx.AsyncClient, url: str, *, seconds: float = 0.0, **wishes: Any
) -> str:
    """Submit a job of one step, or as `wishes` say; return its id."""
    body = {
        "type": "demo.steps",
        "payload": {"steps": 1, "seconds_per_step": seconds},
        "callback_url": url,
        **wishes,
    }
    return str((await gateway.submit(http, body, key=f"k-{time.monotonic_ns()}"))["id"])


async def deliveries_of(http: httpx.AsyncClient) -> list[dict[str, Any]]:
    """Every webhook job that a callback made, whatever page it is on."""
    found: list[dict[str, Any]] = []
    query = {"limit": "200"}
    while True:
        answer = await http.get("/v1/jobs", params=query)
        assert answer.status_code == 200, answer.text
        page = answer.json()
        found += [job for job in page["data"] if "callback_of" in job["labels"]]
        if not page["page"]["has_more"]:
            return found
        query["cursor"] = page["page"]["next"]


def heard_ids(ours: Receiver) -> set[str]:
    """The `webhook-id`s that have come in."""
    return {heard.headers["webhook-id"] for heard in list(ours.heard)}


async def verified(http: httpx.AsyncClient, ours: Receiver) -> list[dict[str, Any]]:
    """The events heard, each once and in the order of their coming; all are rightly signed."""
    answer = await http.get("/v1/webhooks/secret")
    assert answer.status_code == 200, answer.text
    secret = answer.json()["secret"]
    events = {heard.headers["webhook-id"]: _event(heard, secret) for heard in list(ours.heard)}
    return list(events.values())


def _event(heard: Heard, secret: str) -> dict[str, Any]:
    key = base64.b64decode(secret.removeprefix("whsec_"))
    signed = b".".join(
        [
            heard.headers["webhook-id"].encode(),
            heard.headers["webhook-timestamp"].encode(),
            heard.body,
        ]
    )
    right = base64.b64encode(hmac.new(key, signed, hashlib.sha256).digest()).decode()
    assert f"v1,{right}" in heard.headers["webhook-signature"].split(" ")
    assert abs(time.time() - int(heard.headers["webhook-timestamp"])) < 300
    event: dict[str, Any] = json.loads(heard.body)
    return event
