"""deploy/'s RabbitMQ and Redis: what a service must do it can, and what it must not it cannot."""

import base64
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pika
import pytest
import redis
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker
from redis.backoff import NoBackoff
from redis.retry import Retry

from deploy.local.ports import free_port
from deploy.rabbitmq.definitions import definitions
from shared.contracts.topology import DEAD_LETTER_QUEUE, house_topology, work_queues
from tests.architecture.sources import REPO
from tests.documents import commands
from tests.eventually import eventually
from tests.integration.shipped import ShippedHouse

FINAL = {"succeeded", "failed", "cancelled", "expired"}
REFUSED = 403
NEVER_AGAIN = Retry(NoBackoff(), 0)


@pytest.fixture(scope="module")
def house(nodes_folder: Path) -> Iterator[ShippedHouse]:
    house = ShippedHouse(Path(tempfile.mkdtemp(prefix="shipped-", dir=nodes_folder)))
    house.settings = {"WAYMARK_OVERDUE_SECONDS": "2"}
    try:
        house.start()
        yield house
    finally:
        house.close()


@pytest.fixture
def http(house: ShippedHouse) -> Iterator[httpx.Client]:
    key = (house.secrets / "keys" / "first").read_text()
    url = house.services["gateway"].url
    with httpx.Client(base_url=url, headers={"Authorization": f"Bearer {key}"}, timeout=15) as http:
        yield http


def submit(http: httpx.Client, **fields: Any) -> str:
    answer = http.post("/v1/jobs", json={"type": "demo.steps", **fields})
    assert answer.status_code == 202, answer.text
    return str(answer.json()["id"])


def final(http: httpx.Client, job: str, *, within: float = 30.0) -> dict[str, Any]:
    def ended() -> dict[str, Any]:
        found: dict[str, Any] = http.get(f"/v1/jobs/{job}").json()
        assert found["state"] in FINAL, found["state"]
        return found

    return eventually(ended, within=within)


def steps(**payload: Any) -> dict[str, Any]:
    return {"steps": 2, "seconds_per_step": 0, **payload}


def test_a_job_runs_retries_and_succeeds(http: httpx.Client) -> None:
    job = final(http, submit(http, payload=steps(fail_times=2), priority=9))

    assert (job["state"], job["attempt"]) == ("succeeded", 3)


def test_a_delayed_job_comes_down_the_ladder(http: httpx.Client) -> None:
    job = final(http, submit(http, payload=steps(), delay_seconds=1))

    assert job["state"] == "succeeded"


def test_a_job_that_fails_for_good_is_filed_and_redriven(http: httpx.Client) -> None:
    job = submit(http, payload=steps(fail_times=2), max_attempts=2)
    failed = final(http, job)
    assert failed["dead_letter"]["reason"] == "attempts_exhausted"

    assert http.post(f"/v1/jobs/{job}/retry").status_code == 202

    assert eventually(lambda: final(http, job)["state"] == "succeeded", within=30)


def test_a_dead_letter_reaches_the_archivist(http: httpx.Client, house: ShippedHouse) -> None:
    with channel(house, "worker") as publishing:
        publishing.confirm_delivery()
        publishing.basic_publish("waymark.dlx", "", b"what nobody can read", mandatory=True)

        def read() -> bool:
            told = publishing.queue_declare(DEAD_LETTER_QUEUE, passive=True).method
            return bool(told.message_count == 0 and told.consumer_count > 0)

        eventually(read, within=15)


def test_its_steps_are_seen_live(http: httpx.Client, house: ShippedHouse) -> None:
    job = http.post("/v1/jobs", json={"type": "demo.steps", "payload": steps(steps=3)}).json()
    with httpx.stream(
        "GET",
        f"{house.services['notifier'].url}/v1/jobs/{job['id']}/events",
        headers={"authorization": f"Bearer {job['access']['token']}"},
        timeout=10,
    ) as events:
        assert events.status_code == 200, events.read()
        assert any("succeeded" in line for line in events.iter_lines())


def test_a_running_job_is_cancelled_through_the_channel(http: httpx.Client) -> None:
    job = submit(http, payload={"steps": 1000, "seconds_per_step": 0.1})
    eventually(lambda: http.get(f"/v1/jobs/{job}").json()["state"] == "running", within=15)
    began = time.monotonic()

    assert http.post(f"/v1/jobs/{job}/cancel").status_code == 202
    assert final(http, job)["state"] == "cancelled"
    assert time.monotonic() - began < 4  # a heartbeat alone takes 5 s


def test_operators_see_queues_workers_and_dead_letters(house: ShippedHouse) -> None:
    key = (house.secrets / "keys" / "platform").read_text()
    headers = {"Authorization": f"Bearer {key}", "Waymark-Tenant": "main"}
    with httpx.Client(base_url=house.services["gateway"].url, headers=headers) as http:
        calls = ("/v1/queues", "/v1/workers", "/v1/dead-letters", "/v1/keys", "/v1/audit")
        told = {path: http.get(path) for path in calls}

        assert {path: answer.status_code for path, answer in told.items()} == dict.fromkeys(
            calls, 200
        ), [answer.text for answer in told.values()]
        assert http.post("/v1/queues/default/pause", json={"reason": "a look"}).status_code == 200
        assert http.post("/v1/queues/default/resume", json={"reason": "done"}).status_code == 200


@pytest.mark.parametrize("words", [("dead-letters", "list"), ("jobs",), ("queues", "list")])
def test_who_is_called_looks_at_a_tenant_with_the_platform_key(
    house: ShippedHouse, words: tuple[str, ...]
) -> None:
    key = (house.secrets / "keys" / "platform").read_text()
    whose = {"WAYMARK_PLATFORM_KEY": key, "WAYMARK_TENANT": "main"}
    told = subprocess.run(
        [sys.executable, "-m", "clients.cli", *words],
        env={"PATH": "/usr/bin:/bin", "WAYMARK_URL": house.services["gateway"].url, **whose},
        cwd=REPO,
        capture_output=True,
        text=True,
        check=False,
        timeout=30,
    )

    assert told.returncode == 0, told.stderr
    assert told.stdout.strip()


def test_no_service_met_a_refusal(house: ShippedHouse) -> None:
    words = ("NOPERM", "ACCESS_REFUSED", "topology_refused", "store_unfit")
    met = [
        (name, line)
        for name, service in house.services.items()
        for line in service.log_text().splitlines()
        if any(word in line for word in words)
    ]

    assert met == []


def test_the_broker_holds_what_the_topology_says_and_no_more(house: ShippedHouse) -> None:
    answer = house.rabbit.ctl("export_definitions", "-", "--format", "json", within=30)
    there = json.loads(answer)
    mine = definitions()

    def names(told: dict[str, Any], kind: str) -> set[str]:
        return {each["name"] for each in told[kind] if not each["name"].startswith("amq.")}

    assert {user["name"] for user in there["users"]} == {"gateway", "worker", "monitoring"}
    assert {vhost["name"] for vhost in there["vhosts"]} == {"waymark"}
    assert names(there, "exchanges") == names(mine, "exchanges")
    work = {name for queue in ("default",) for name in work_queues(queue)}
    assert names(there, "queues") >= names(mine, "queues") | work
    arguments = {each["name"]: each["arguments"] for each in there["queues"]}
    assert all(arguments[each.name] == dict(each.arguments) for each in house_topology().queues)


# --- what they must not ------------------------------------------------------------------------


class channel:  # noqa: N801 - reads as a word of the with statement
    """A channel with one user's rights."""

    def __init__(self, house: ShippedHouse, user: str) -> None:
        self._connection = pika.BlockingConnection(pika.URLParameters(house.amqp_url(user)))

    def __enter__(self) -> BlockingChannel:
        return self._connection.channel()

    def __exit__(self, *_: object) -> None:
        if self._connection.is_open:
            self._connection.close()


def consume(name: str) -> Any:
    return lambda ch: ch.basic_consume(name, lambda *_: None)


def publish(exchange: str) -> Any:
    def do(ch: BlockingChannel) -> None:
        ch.confirm_delivery()
        ch.basic_publish(exchange, "waymark.default", b"{}")

    return do


FORBIDDEN = {
    "gateway consumes jobs": ("gateway", consume("waymark.default")),
    "gateway gets a job": ("gateway", lambda ch: ch.basic_get("waymark.default.high")),
    "gateway purges jobs": ("gateway", lambda ch: ch.queue_purge("waymark.default")),
    "gateway deletes a queue": ("gateway", lambda ch: ch.queue_delete("waymark.default")),
    "gateway deletes the dead": ("gateway", lambda ch: ch.queue_delete("waymark.dead")),
    "gateway declares a queue": ("gateway", lambda ch: ch.queue_declare("waymark.mine")),
    "gateway unbinds": (
        "gateway",
        lambda ch: ch.queue_unbind("waymark.dead", "waymark.dlx", ""),
    ),
    "gateway deletes the ladder": ("gateway", lambda ch: ch.exchange_delete("waymark.delay.3")),
    "gateway kills by hand": ("gateway", publish("waymark.dlx")),
    "worker reads the dead": ("worker", consume("waymark.dead")),
    "worker deletes the dead": ("worker", lambda ch: ch.queue_delete("waymark.dead")),
    "worker purges the dead": ("worker", lambda ch: ch.queue_purge("waymark.dead")),
    "worker deletes a level": ("worker", lambda ch: ch.queue_delete("waymark.delay.3")),
    "worker deletes an exchange": ("worker", lambda ch: ch.exchange_delete("waymark.deliver")),
    "worker reads a level": ("worker", consume("waymark.delay.3")),
    "worker declares a stranger": ("worker", lambda ch: ch.queue_declare("mine")),
    "monitoring consumes": ("monitoring", consume("waymark.default")),
    "monitoring publishes": ("monitoring", publish("")),
    "monitoring publishes a delay": ("monitoring", publish("waymark.delay.1")),
    "monitoring declares": ("monitoring", lambda ch: ch.queue_declare("waymark.mine")),
}


@pytest.mark.parametrize("deed", FORBIDDEN)
def test_the_broker_refuses(house: ShippedHouse, deed: str) -> None:
    user, do = FORBIDDEN[deed]

    with channel(house, user) as ch, pytest.raises(ChannelClosedByBroker) as refused:
        do(ch)

    assert refused.value.reply_code == REFUSED


def test_who_looks_on_sees_the_depth_of_queues(house: ShippedHouse) -> None:
    word = f"monitoring:{house.made.values['rabbitmq.monitoring']}"
    credentials = {"Authorization": f"Basic {base64.b64encode(word.encode()).decode()}"}

    status, body = house.rabbit.get("/api/queues/waymark/waymark.default", credentials)

    assert status == 200
    assert json.loads(body)["name"] == "waymark.default"


def test_nobody_without_a_password_is_let_in(house: ShippedHouse) -> None:
    for word in ("guest:guest", "gateway:", "monitoring:"):
        credentials = {"Authorization": f"Basic {base64.b64encode(word.encode()).decode()}"}
        assert house.rabbit.get("/api/overview", credentials)[0] == 401


STORE_FORBIDS = {
    "gateway flushes": ("gateway", ("FLUSHALL",)),
    "gateway configures": ("gateway", ("CONFIG", "SET", "maxmemory-policy", "allkeys-lru")),
    "gateway makes users": ("gateway", ("ACL", "SETUSER", "me", "on")),
    "gateway leaves the house": ("gateway", ("SET", "other", "1")),
    "gateway stops it": ("gateway", ("SHUTDOWN",)),
    "worker lists keys": ("worker", ("KEYS", "*")),
    "worker reads API keys": ("worker", ("HGETALL", "wm:keys")),
    "worker makes an API key": (
        "worker",
        ("EVAL", "return redis.call('HSET', 'wm:keys', 'a', 'b')", 0),
    ),
    "notifier writes a job": ("notifier", ("HSET", "wm:{main}:job:1", "state", "succeeded")),
    "notifier deletes a job": (
        "notifier",
        ("EVAL", "return redis.call('DEL', KEYS[1])", 1, "wm:{main}:job:1"),
    ),
    "notifier hears workers": ("notifier", ("SUBSCRIBE", "wm:worker:1")),
    "notifier deletes scripts": ("notifier", ("SCRIPT", "FLUSH")),
    "monitoring reads a job": ("monitoring", ("HGETALL", "wm:{main}:job:1")),
    "monitoring configures": ("monitoring", ("CONFIG", "SET", "maxmemory", "1gb")),
    "operator flushes": ("operator", ("FLUSHALL",)),
    "operator stops it": ("operator", ("SHUTDOWN",)),
    "operator writes a job": ("operator", ("HSET", "wm:{main}:job:1", "state", "succeeded")),
    "operator makes users": ("operator", ("ACL", "SETUSER", "me", "on")),
}


@pytest.mark.parametrize("deed", STORE_FORBIDS)
def test_the_store_refuses(house: ShippedHouse, deed: str) -> None:
    user, words = STORE_FORBIDS[deed]

    with (
        redis.Redis.from_url(house.redis_url(user)) as store,
        pytest.raises(redis.exceptions.ResponseError, match=r"permission|can't (run|access)"),
    ):
        store.execute_command(*words)


def typed_by_operators() -> list[tuple[str, ...]]:
    """What the runbooks have people say to redis-cli; `1` is what they fill in themselves."""
    pages = sorted((REPO / "docs" / "runbooks").glob("*.md"))
    told = {words for page in pages for words in commands(page.read_text(), "redis-cli")}
    filled = {tuple("1gb" if word == "1" else word for word in words) for words in told}
    return sorted(words for words in filled if words[0] != "-h")


@pytest.mark.parametrize("words", typed_by_operators(), ids=" ".join)
def test_the_store_lets_its_operator_do_what_the_runbooks_say(
    house: ShippedHouse, words: tuple[str, ...]
) -> None:
    told = subprocess.run(
        ["redis-cli", "-p", str(house.redis.port), "--user", "operator", *words],
        env={"PATH": "/usr/bin:/bin", "REDISCLI_AUTH": house.made.values["redis.operator"]},
        capture_output=True,
        text=True,
        check=True,
        timeout=15,
    )

    assert told.stdout  # an empty line, where nothing was slow
    assert not re.search("NOPERM|NOAUTH|WRONGPASS|^.?ERR|unknown", told.stdout + told.stderr)


def test_the_store_keeps_everything(house: ShippedHouse) -> None:
    with redis.Redis.from_url(house.redis_url("monitoring"), decode_responses=True) as store:
        told = store.config_get("*")
        persistence = store.info("persistence")

    assert told["maxmemory-policy"] == "noeviction"
    assert told["appendfsync"] == "everysec"
    assert persistence["aof_enabled"] == 1


def test_the_exporter_sees_it(house: ShippedHouse) -> None:
    program = shutil.which("prometheus-redis-exporter") or shutil.which("redis_exporter")
    if program is None:
        pytest.skip("needs prometheus-redis-exporter")
    at = f"127.0.0.1:{free_port()}"
    told = ["-redis.addr", f"redis://{house.places.redis}", "-redis.user", "monitoring"]
    file = ["-redis.password-file", str(house.secrets / "redis" / "exporter.json")]
    with subprocess.Popen(
        [program, "-web.listen-address", at, *told, *file], stderr=subprocess.DEVNULL
    ) as exporter:
        try:

            def scraped() -> str | None:
                try:
                    return httpx.get(f"http://{at}/metrics").text
                except httpx.TransportError:
                    return None

            numbers = eventually(scraped, within=15) or ""
        finally:
            exporter.terminate()

    assert "\nredis_up 1\n" in numbers
    assert 'redis_exporter_last_scrape_error{err=""} 0' in numbers


def test_the_default_user_is_nobody(house: ShippedHouse) -> None:
    with (
        redis.Redis(port=house.redis.port, retry=NEVER_AGAIN) as store,
        pytest.raises(redis.exceptions.AuthenticationError),
    ):
        store.ping()
