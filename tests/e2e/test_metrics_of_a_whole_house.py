"""What a whole house tells of itself: all of it from the start, bounded, and true."""

import asyncio
import re
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets
from prometheus_client.parser import text_string_to_metric_families
from prometheus_client.samples import Sample

from deploy.local.house import House, Ports
from docs.instruments import ITS_OWN, OURS, SUFFIX, Family, instruments
from tests.e2e.conftest import SLOTS, clean_env
from tests.e2e.outside import Gateway, Watcher
from tests.eventually import eventually, eventually_async
from tests.integration.webhook_receivers import in_turn, receiver, says

SERVICES = ("gateway", "worker", "notifier")
MOST_SERIES = {"gateway": 3_200, "worker": 1_200, "notifier": 200}
EXPIRES_SECONDS = 1.0
NEVER_LABELS = {"tenant", "job_id", "job", "id", "key", "request_id", "trace_id", "worker"}
ABOUT_A_JOB = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-7|declined|^dev$|^wm_")

Series = frozenset[tuple[str, tuple[tuple[str, str], ...]]]


class Told:
    """What one service has told at one scrape."""

    def __init__(self, text: str) -> None:
        self.families = list(text_string_to_metric_families(text))
        self.samples: list[Sample] = [one for each in self.families for one in each.samples]

    @property
    def series(self) -> Series:
        return frozenset((one.name, tuple(sorted(one.labels.items()))) for one in self.samples)

    def total(self, name: str, **labels: str) -> float:
        """Add up what bears these labels."""
        return sum(
            one.value
            for one in self.samples
            if one.name == name and labels.items() <= one.labels.items()
        )


def scrape(house: House, service: str) -> Told:
    return Told(httpx.get(f"{house.service(service).url}/metrics", timeout=5).text)


def scrape_all(house: House) -> dict[str, Told]:
    return {service: scrape(house, service) for service in SERVICES}


@pytest.fixture(scope="module")
def fresh(nodes_folder: Path) -> Iterator[House]:
    """A house of its own: nobody has asked it for anything."""
    env = clean_env(
        {
            "WAYMARK_JOBS": "tests.integration.worker_jobs",
            "WAYMARK_VERSION": "1.4.0",
            "WAYMARK_REVISION": "4fc04b7",
        }
    )
    built = House(nodes_folder / "told", env=env, ports=Ports.free())
    try:
        built.start()
        eventually(lambda: told_by_the_duties(scrape(built, "gateway")), within=20)
        yield built
    finally:
        built.kill()


def told_by_the_duties(told: Told) -> bool:
    """Whether the gauges that somebody has to look for are there."""
    queues = [one.labels for one in told.samples if one.name == "waymark_queue_workers"]
    outbox = [one for one in told.samples if one.name == "waymark_outbox_entries"]
    return {"queue": "default"} in queues and {"queue": "webhooks"} in queues and bool(outbox)


@pytest.fixture(scope="module")
def before(fresh: House) -> dict[str, Told]:
    return scrape_all(fresh)


@pytest.fixture(scope="module")
def load(fresh: House, before: dict[str, Told]) -> "Load":
    """A bit of everything, and how the house stands after it."""
    assert before
    load = Load(fresh)
    asyncio.run(load.run())
    return load


class Load:
    """What a house meets in an ordinary week."""

    def __init__(self, house: House) -> None:
        self.house = house
        self.gateway = Gateway(house.url, house.keys.tenant)
        self.jobs: dict[str, dict[str, Any]] = {}
        self.told: Mapping[str, Told] = {}

    async def run(self) -> None:
        with receiver(in_turn(says(503), says(200))) as ours:
            async with self.gateway.client() as http:
                self.house.service("worker").freeze()  # until something has expired
                try:
                    jobs = await self._submit_all(http, ours.url)
                    await asyncio.sleep(EXPIRES_SECONDS)
                finally:
                    self.house.service("worker").thaw()
                watcher = Watcher(self.house.stream_url, await self.gateway.token(http, jobs), jobs)
                await asyncio.gather(
                    watcher.run(within=60), self._be_refused(http), self._stop_some(http, jobs)
                )
                self.jobs = await self._all_final(http)
        await eventually_async(self._all_counted, within=20)

    async def _submit_all(self, http: httpx.AsyncClient, url: str) -> list[str]:
        expires_at = datetime.now(UTC) + timedelta(seconds=EXPIRES_SECONDS)
        wanted: list[dict[str, Any]] = [
            *({"type": "w.echo", "payload": {"text": "x"}} for _ in range(20)),
            {"type": "w.echo", "payload": {}, "callback_url": url},
            {"type": "w.flaky", "payload": {"fail_times": 2}},
            {"type": "w.refuse", "payload": {}},
            {"type": "w.crash", "payload": {}},
            {"type": "w.endless", "payload": {}},
            {"type": "w.echo", "payload": {}, "expires_at": expires_at.isoformat()},
            {"type": "w.echo", "payload": {}, "delay_seconds": 600},
            {"type": "w.sleep", "payload": {"seconds": 60}, "priority": 9},
        ]
        answers = [await http.post("/v1/jobs", json=body) for body in wanted]
        assert {answer.status_code for answer in answers} == {202}, answers[-3].text
        many = {"jobs": [{"type": "w.echo", "payload": {}}] * 5}
        bulk = (await http.post("/v1/jobs/bulk", json=many)).json()["data"]
        return [answer.json()["id"] for answer in answers] + [one["id"] for one in bulk]

    async def _stop_some(self, http: httpx.AsyncClient, jobs: list[str]) -> None:
        asleep, later = jobs[27], jobs[26]

        async def runs() -> bool:
            return bool((await self.gateway.read(http, asleep))["state"] == "running")

        await eventually_async(runs, within=20)

        def told_to_be_busy() -> bool:
            told = scrape(self.house, "worker")
            in_flight = told.total("waymark_jobs_in_flight", queue="default")
            return in_flight >= 1 and told.total("waymark_worker_slots", state="busy") >= 1

        await asyncio.to_thread(eventually, told_to_be_busy)
        for job in (asleep, later, later):
            await http.post(f"/v1/jobs/{job}/cancel", json={"grace_seconds": 1})

    async def _be_refused(self, http: httpx.AsyncClient) -> None:
        for headers in ({}, {"authorization": "Bearer nonsense"}):
            async with httpx.AsyncClient(base_url=self.house.url, headers=headers) as nobody:
                await nobody.get("/v1/jobs")
                await nobody.post("/v1/jobs", json={})
        for path in ("/nowhere", "/v1/jobs/none", "/v1/jobs?cursor=bad", "/docs", "/openapi.json"):
            await http.get(path)
        await http.post("/v1/jobs", content=b"{", headers={"content-type": "application/json"})
        await http.post("/v1/jobs", json={"type": "no.such", "payload": {}})
        await http.request("BREW", "/v1/jobs")
        await http.delete("/v1/jobs")
        await http.head("/live")
        for _ in range(2):
            key = {"idempotency-key": '"twice"'}
            await http.post("/v1/jobs", json={"type": "w.echo", "payload": {}}, headers=key)
        stream = self.house.stream_url
        with suppress(websockets.InvalidHandshake):
            await websockets.connect(stream.replace("/v1/stream", "/v1/nowhere"))
        async with websockets.connect(stream) as line:
            await line.send('{"type":"hello","version":1,"token":"made up"}')
            await line.wait_closed()
            assert line.close_code == 4002

    async def _all_final(self, http: httpx.AsyncClient) -> dict[str, dict[str, Any]]:
        async def ended() -> dict[str, dict[str, Any]]:
            page = (await http.get("/v1/jobs", params={"limit": "200"})).json()
            assert all(job["final"] for job in page["data"]), [
                (job["type"], job["state"]) for job in page["data"] if not job["final"]
            ]
            assert any("callback_of" in job["labels"] for job in page["data"])
            return {job["id"]: job for job in page["data"]}

        return await eventually_async(ended, within=40)

    async def _all_counted(self) -> bool:
        self.told = await asyncio.to_thread(scrape_all, self.house)
        worker, gateway = self.told["worker"], self.told["gateway"]
        slots = worker.total("waymark_worker_slots")
        assert self.over_services("waymark_jobs_finished_total") >= len(self.jobs)
        assert worker.total("waymark_worker_slots", state="idle") == slots
        assert gateway.total("waymark_outbox_entries") == 0
        return True

    def over_services(self, name: str, **labels: str) -> float:
        return sum(told.total(name, **labels) for told in self.told.values())


@pytest.mark.parametrize("service", SERVICES)
def test_all_that_a_load_counts_was_there_before_it(
    service: str, before: dict[str, Told], load: Load
) -> None:
    added = load.told[service].series - before[service].series

    assert sorted(added) == []


@pytest.mark.parametrize("service", SERVICES)
def test_the_number_of_series_is_bounded(service: str, load: Load) -> None:
    assert len(load.told[service].series) < MOST_SERIES[service]


@pytest.mark.parametrize("service", SERVICES)
def test_nothing_was_counted_before_anything_had_happened(
    service: str, before: dict[str, Told]
) -> None:
    busy = {"waymark_jobs_", "waymark_webhooks_deliver", "waymark_dead_letter", "waymark_outbox_"}
    counted = [
        one
        for one in before[service].samples
        if any(one.name.startswith(start) for start in busy) and one.value
    ]

    assert counted == []


@pytest.mark.parametrize("service", SERVICES)
def test_labels_are_closed_sets_without_a_job_a_tenant_or_a_handler_s_word(
    service: str, load: Load
) -> None:
    labels = {item for one in load.told[service].samples for item in one.labels.items()}

    assert {name for name, _ in labels} & NEVER_LABELS == set()
    assert [value for _, value in labels if ABOUT_A_JOB.search(value)] == []


@pytest.mark.parametrize("service", SERVICES)
def test_it_tells_what_the_reference_says_and_nothing_else(service: str, load: Load) -> None:
    promised = {one.name: one for one in instruments() if service in one.who}
    told = {one.name: one for one in families_of(load.told[service], service)}

    assert told.keys() == promised.keys()
    for name, family in told.items():
        assert (family.kind, family.words) == (promised[name].kind, promised[name].words)
        assert set(family.labels) == set(promised[name].labels), name


@pytest.mark.parametrize("service", SERVICES)
def test_every_family_says_what_it_means_and_names_its_unit(service: str, load: Load) -> None:
    for family in families_of(load.told[service], service):
        assert family.words.rstrip(".") != "", family.name
        if family.kind == "histogram":
            assert family.name.endswith("_seconds"), family.name
        assert not re.search(r"_(ms|millis|minutes|kb|mb)(_|$)", family.name)


def families_of(told: Told, service: str) -> Iterator[Family]:
    for each in told.families:
        if each.name.startswith(OURS):
            labels = {label for one in each.samples for label in one.labels} - ITS_OWN
            name = each.name + SUFFIX.get(each.type, "")
            yield Family(name, each.type, tuple(labels), each.documentation, (service,))


def test_each_end_is_counted_once_by_whoever_wrote_it(load: Load) -> None:
    ends = Counter(job["state"] for job in load.jobs.values())
    name = "waymark_jobs_finished_total"

    told = {state: load.over_services(name, outcome=state) for state in ends}

    assert ends.keys() == {"succeeded", "failed", "cancelled", "expired"}
    assert told == ends
    assert load.over_services(name, type="w.refuse", code="handler") == 1
    assert load.over_services(name, type="w.crash", code="poison") == 1
    assert load.over_services(name, type="w.endless", code="time_limit_exceeded") == 1
    measured = load.over_services("waymark_jobs_end_to_end_seconds_count", outcome="succeeded")
    assert measured == ends["succeeded"]


def test_attempts_retries_crashes_dead_letters_and_webhooks_are_counted(load: Load) -> None:
    count = load.over_services
    attempts = sum(job["attempt"] for job in load.jobs.values())

    assert count("waymark_jobs_started_total") == attempts
    assert count("waymark_jobs_retries_total", type="w.flaky", reason="exception") == 2
    assert count("waymark_jobs_retries_total", type="w.crash", reason="crashed") == 1
    assert count("waymark_worker_slot_crashes_total", cause="signal") == 2
    dead = "waymark_jobs_dead_lettered_total"
    assert count(dead, type="w.crash", reason="poison") == 1
    assert count(dead, type="w.refuse", reason="not_retryable") == 1
    assert count(dead, type="w.endless", reason="attempts_exhausted") == 1
    assert count("waymark_webhooks_deliveries_total", outcome="retried") == 1
    assert count("waymark_webhooks_deliveries_total", outcome="delivered") == 1
    assert count("waymark_notifier_closes_total", code="4002") == 1
    assert count("waymark_notifier_refusals_total", status="404") == 1
    assert count("waymark_jobs_publish_duration_seconds_count", result="confirmed") > 0


def test_a_house_at_rest_has_nothing_in_flight_and_all_its_slots(load: Load) -> None:
    worker = load.told["worker"]

    assert worker.total("waymark_jobs_in_flight") == 0
    assert worker.total("waymark_worker_slots") == int(SLOTS)


@pytest.mark.parametrize("service", SERVICES)
def test_each_process_names_its_build_and_tells_its_resources(service: str, load: Load) -> None:
    told = load.told[service]
    build = {"service": service, "version": "1.4.0", "revision": "4fc04b7"}

    assert told.total("waymark_build_info", **build) == 1
    assert told.total("process_resident_memory_bytes") > 0
