"""What users and operators must keep to themselves is in no line of any service, not at DEBUG."""

import json
import secrets

import httpx
import websockets

from deploy.local.house import House
from tests.e2e.outside import Gateway
from tests.eventually import eventually_async
from tests.integration.webhook_receivers import in_turn, receiver, says

SERVICES = ("gateway", "worker", "notifier")
WAYS = ("return", "raise", "fail", "retry")


def planted(what: str) -> str:
    return f"planted-{what}-{secrets.token_hex(8)}"


def all_logs(house: House) -> str:
    return "\n".join(house.service(name).log_text() for name in SERVICES)


async def watch(url: str, token: str, job: str) -> None:
    """Follow a job, and say something that is no message."""
    subprotocol = websockets.Subprotocol("waymark.v1")
    async with websockets.connect(url, subprotocols=[subprotocol]) as socket:
        subscriptions = [{"job": job}]
        hello = {"type": "hello", "version": 1, "token": token, "subscriptions": subscriptions}
        await socket.send(json.dumps(hello))
        await socket.send(f'{{"type":"subscribe","id":"{token}"')
        async for text in socket:
            if '"live"' in str(text):
                return


async def test_no_line_has_what_was_planted(
    house: House, gateway: Gateway, http: httpx.AsyncClient
) -> None:
    words = {what: planted(what) for what in ("payload", "key", "callback", "body", "query")}
    with receiver(in_turn(says(500), says(200))) as ours:
        user = ours.url.replace("http://", f"http://user:{words['callback']}@")
        url = f"{ours.url}?token={words['query']}"
        jobs = [
            await gateway.submit(
                http,
                {
                    "type": "leaky.echo",
                    "payload": {"secret": words["payload"], "how": how},
                    "callback_url": url,
                },
                key=f"{words['key']}-{how}",
            )
            for how in WAYS
        ]
        broken = {"content-type": "application/json"}
        await http.post("/v1/jobs", content=f'{{"type":"{words["body"]}', headers=broken)
        wrong = {"type": "leaky.echo", "payload": {"secret": [words["payload"]], "how": 1}}
        await http.post("/v1/jobs", json=wrong)
        refused = {**wrong, "payload": {"secret": "x", "how": "y"}, "callback_url": user}
        await http.post("/v1/jobs", json=refused)
        access = jobs[0]["access"]
        await watch(access["stream_url"], access["token"], jobs[0]["id"])
        await gateway.settle(http, [job["id"] for job in jobs], within=30)

        async def every_end_told() -> bool:
            return len({heard.headers["webhook-id"] for heard in list(ours.heard)}) == len(WAYS)

        await eventually_async(every_end_told, within=30)

    logs = all_logs(house)
    assert jobs[0]["id"] in logs
    found = {what for what, word in words.items() if word in logs}
    assert not found
    keys = [house.keys.tenant, house.keys.platform, access["token"]]
    keys += [house.keys.token_secret, house.keys.webhook_secret]
    assert not [key for key in keys if key in logs or key.rpartition("_")[2] in logs]


def test_each_line_is_json_of_one_vocabulary(house: House) -> None:
    for name in SERVICES:
        for text in house.service(name).log_text().splitlines():
            line = json.loads(text)
            assert {"service", "level", "at", "event"} <= line.keys(), line
            assert line["service"] == name
