"""A real Prometheus looks at a running house: every part of it is found and answers."""

from collections.abc import Callable

import httpx

from deploy.local.house import House
from deploy.local.lookout.lookout import Lookout
from tests.eventually import eventually

PARTS = {
    *(("waymark-gateway", "gateway"), ("waymark-notifier", "notifier")),
    *(("waymark-worker", "worker"), ("waymark-worker", "worker.2")),
    *(("rabbitmq", "rabbitmq"), ("rabbitmq-queues", "rabbitmq"), ("redis", "redis")),
}


def test_every_part_is_scraped_and_called_by_its_name(
    new_house: Callable[..., House], new_lookout: Callable[[House], Lookout]
) -> None:
    lookout = new_lookout(new_house(workers=2))

    eventually(lambda: parts_up(lookout.url) == PARTS, within=20)

    rules = httpx.get(f"{lookout.url}/api/v1/rules").json()["data"]["groups"]
    assert [rule for group in rules for rule in group["rules"] if rule["health"] == "err"] == []
    managers = httpx.get(f"{lookout.url}/api/v1/alertmanagers").json()["data"]
    assert [each["url"] for each in managers["activeAlertmanagers"]] == [
        f"{lookout.alertmanager_url}/api/v2/alerts"
    ]


def parts_up(url: str) -> set[tuple[str, str]]:
    answer = httpx.get(f"{url}/api/v1/query", params={"query": "up == 1"}).json()
    return {
        (each["metric"]["job"], each["metric"]["instance"]) for each in answer["data"]["result"]
    }
