"""A client that gives a callback_url hears of every end, signed, and of a second life too."""

import httpx

from deploy.local.house import House
from tests.e2e.outside import Gateway
from tests.e2e.webhooks import deliveries_of, heard_ids, submit_with_callback, verified
from tests.eventually import eventually_async
from tests.integration.webhook_receivers import in_turn, receiver, says


async def test_every_end_of_a_job_is_told_to_the_url_it_named(
    house: House, gateway: Gateway, http: httpx.AsyncClient
) -> None:
    with receiver(in_turn(says(503, Retry_After="1"), says(200))) as ours:

        async def heard(count: int) -> bool:
            return len(heard_ids(ours)) == count

        url = f"{ours.url}?token=abc"
        done = await submit_with_callback(gateway, http, url, labels={"order": "A-17"})
        failed = await submit_with_callback(
            gateway,
            http,
            url,
            payload={"steps": 1, "seconds_per_step": 0, "fail_times": 1},
            max_attempts=1,
        )
        called_off = await submit_with_callback(gateway, http, url, delay_seconds=600)
        await http.post(f"/v1/jobs/{called_off}/cancel")
        await eventually_async(lambda: heard(3), within=30)
        again = await http.post(f"/v1/jobs/{failed}/retry", json={})
        assert again.status_code == 202, again.text
        await eventually_async(lambda: heard(4), within=30)

        events = await verified(http, ours)
        jobs = {done, failed, called_off}
        ours_alone = [
            found["id"]
            for found in await deliveries_of(http)
            if found["labels"]["callback_of"] in jobs
        ]
        deliveries = (await gateway.settle(http, ours_alone, within=30)).values()

    told = sorted((event["data"]["id"], event["type"]) for event in events)
    assert told == sorted(
        [
            (done, "job.succeeded"),
            (failed, "job.failed"),
            (failed, "job.succeeded"),
            (called_off, "job.cancelled"),
        ]
    )
    data = next(event["data"] for event in events if event["data"]["id"] == done)
    assert data["result"] == {"steps": 1, "attempt": 1}
    assert data["labels"] == {"order": "A-17"}
    assert data["links"]["self"] == f"{house.url}/v1/jobs/{done}"
    assert heard_ids(ours) == {found["id"] for found in deliveries}
    assert {found["state"] for found in deliveries} == {"succeeded"}
    refused = next(found for found in deliveries if len(found["attempts"]) > 1)
    assert refused["attempts"][0]["error"]["details"]["status"] == 503


async def test_a_webhook_sent_by_a_call_arrives_as_it_was_given(
    gateway: Gateway, http: httpx.AsyncClient
) -> None:
    with receiver() as ours:
        body = {"url": ours.url, "payload": {"type": "order.paid", "sum": 12}, "event_id": "evt_9"}
        answer = await http.post("/v1/webhooks/deliver", json=body, headers={"Prefer": "wait=15"})
        events = await verified(http, ours)

    assert answer.status_code == 200, answer.text
    assert answer.json()["result"]["status"] == 200
    assert events == [{"type": "order.paid", "sum": 12}]
    assert heard_ids(ours) == {"evt_9"}
