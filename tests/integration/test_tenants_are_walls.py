"""G11, from outside: every route of the API, called by everybody who should not get through."""

import asyncio
import json
import statistics
import time
from collections.abc import AsyncIterator, Iterator

import httpx
import pytest

from tests.eventually import eventually_async
from tests.fakes.gateway import DEV, as_key
from tests.integration.gateway_running import RunningGateway, gateway_with_webhooks
from tests.integration.walls import (
    CANARY,
    CASES,
    STRANGERS,
    Kind,
    World,
    gist,
    missing,
)
from tests.nodes import Rabbit, Redis

PAIRS = 150  # of requests that are timed


@pytest.fixture(scope="module")
def gateway(
    rabbitmq: Rabbit, redis_node: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[RunningGateway]:
    folder = tmp_path_factory.mktemp("gateway")
    with gateway_with_webhooks("test-tenants-are-walls", rabbitmq, redis_node, folder) as running:
        yield running


@pytest.fixture(scope="module")
def world(gateway: RunningGateway) -> World:
    return World.build(gateway)


@pytest.fixture
async def http(world: World) -> AsyncIterator[httpx.AsyncClient]:
    async with httpx.AsyncClient(base_url=world.url, timeout=15, trust_env=False) as client:
        yield client


@pytest.fixture
async def owner(world: World) -> AsyncIterator[httpx.AsyncClient]:
    headers = {"authorization": DEV}
    async with httpx.AsyncClient(
        base_url=world.url, headers=headers, timeout=15, trust_env=False
    ) as client:
        yield client


def of(*kinds: Kind) -> list[str]:
    return [name for name, case in CASES.items() if case.kind in kinds]


ALL_BUT_OPEN = of(Kind.COMMON, Kind.HOUSE, Kind.OWN, Kind.THING)


def test_every_route_has_a_case(world: World) -> None:
    assert set(world.calls) == set(CASES)


@pytest.mark.parametrize(("last", "caller"), list(enumerate(STRANGERS, start=2)))
async def test_who_cannot_say_who_he_is_gets_401_from_every_route(
    world: World, last: int, caller: str
) -> None:
    # from an address of his own: many wrong credentials from one address are 429
    transport = httpx.AsyncHTTPTransport(local_address=f"127.0.0.{last}")
    async with httpx.AsyncClient(base_url=world.url, transport=transport, timeout=15) as http:
        told = await asyncio.gather(*(world.call(http, name, caller) for name in ALL_BUT_OPEN))
    answers = dict(zip(ALL_BUT_OPEN, told, strict=True))

    assert {name: one.status_code for name, one in answers.items()} == dict.fromkeys(answers, 401)
    assert all(one.headers["www-authenticate"].startswith("Bearer") for one in answers.values())


async def test_nobody_acts_in_another_tenant_s_name(world: World, http: httpx.AsyncClient) -> None:
    caller = "the neighbour in the owner's name"
    answers = {name: await world.call(http, name, caller) for name in ALL_BUT_OPEN}

    assert {name: one.status_code for name, one in answers.items()} == dict.fromkeys(answers, 403)


async def test_another_s_thing_is_not_there_to_the_byte(
    world: World, http: httpx.AsyncClient
) -> None:
    for name in of(Kind.THING):
        theirs = world.things[CASES[name].thing]
        nothing = missing()
        for caller in ("the neighbour", "the neighbour's token", "a token for another job"):
            foreign = await world.call(http, name, caller)
            absent = await world.call(http, name, caller, thing=nothing)

            assert gist(foreign, theirs) == gist(absent, nothing), (name, caller)
            wanted = CASES[name].absent if caller == "the neighbour" else CASES[name].token
            assert foreign.status_code == wanted, (name, caller, foreign.text)


async def test_nothing_that_others_are_told_is_of_the_owner(
    world: World, http: httpx.AsyncClient
) -> None:
    secrets = {CANARY, world.things["letter"], world.things["campaign"], world.things["key"]}
    for name in of(Kind.OWN, Kind.COMMON):
        answer = await world.call(http, name, "the neighbour")

        assert answer.is_success, (name, answer.text)
        told = answer.text + json.dumps(dict(answer.headers))
        assert not [secret for secret in {*secrets, world.things["job"]} if secret in told], name
    for name in of(Kind.OPEN):
        answer = await world.call(http, name, "nobody")
        assert not [secret for secret in {*secrets, "demo.steps-"} if secret in answer.text], name


async def test_what_is_the_house_s_is_for_platform_keys_only(
    world: World, http: httpx.AsyncClient
) -> None:
    for name in of(Kind.HOUSE):
        for caller in ("the neighbour", "a reader", "the neighbour's token"):
            answer = await world.call(http, name, caller)
            assert answer.status_code == 403, (name, caller)


async def test_a_read_only_key_changes_nothing(world: World, http: httpx.AsyncClient) -> None:
    found = {
        name: (await world.call(http, name, "a reader")).status_code
        for name in of(Kind.OWN, Kind.THING, Kind.COMMON)
    }

    assert found == {name: CASES[name].reader for name in found}


async def test_a_browser_token_is_good_for_its_own_jobs_and_nothing_else(
    world: World, http: httpx.AsyncClient
) -> None:
    for name in of(Kind.OWN, Kind.COMMON):
        for caller in ("the neighbour's token", "a token for another job"):
            answer = await world.call(http, name, caller)
            assert answer.status_code == 403, (name, caller)


async def test_a_platform_key_has_to_name_its_tenant(world: World, http: httpx.AsyncClient) -> None:
    whole_house = {"list_entries"}
    for name in set(of(Kind.OWN, Kind.THING)) - whole_house:
        answer = await world.call(http, name, "a platform key")
        assert (answer.status_code, answer.json()["code"]) == (400, "tenant-required"), name


async def test_a_cursor_of_another_tenant_leads_nowhere(
    world: World, owner: httpx.AsyncClient, http: httpx.AsyncClient
) -> None:
    page = (await owner.get("/v1/jobs", params={"limit": 1})).json()["page"]

    stolen = {"cursor": page["next"], "limit": 1}
    theirs = {"authorization": as_key("other")}
    answer = await http.get("/v1/jobs", params=stolen, headers=theirs)

    assert (answer.status_code, answer.json()["code"]) == (400, "invalid-cursor")


async def test_a_campaign_over_another_s_letter_finds_no_such_job(
    world: World, owner: httpx.AsyncClient, http: httpx.AsyncClient
) -> None:
    letter = world.things["letter"]
    theirs = {"authorization": as_key("other")}
    ids = [letter, missing()]
    for action in ("redrive", "discard"):
        asked = await http.post(f"/v1/dead-letters/{action}", json={"ids": ids}, headers=theirs)
        path = f"/v1/dead-letters/campaigns/{asked.json()['id']}"

        async def over(path: str = path) -> dict[str, int]:
            told = (await http.get(path, headers=theirs)).json()
            assert told["state"] == "finished"
            counts: dict[str, int] = told["counts"]
            return counts

        counts = await eventually_async(over, within=20)
        assert counts == {"matched": 2, "done": 0, "failed": 2, "skipped": 0}
    assert (await owner.get(f"/v1/jobs/{letter}")).json()["dead_letter"] is not None


@pytest.mark.parametrize("name", ["get_job", "post_cancel"])
async def test_the_time_an_answer_takes_does_not_tell_whether_a_job_exists(
    world: World, http: httpx.AsyncClient, name: str
) -> None:
    theirs, nothing = world.things["job"], missing()
    took: dict[str, list[float]] = {theirs: [], nothing: []}
    for thing in [theirs, nothing] * PAIRS:
        began = time.perf_counter()
        await world.call(http, name, "the neighbour", thing=thing)
        took[thing].append(time.perf_counter() - began)
    foreign, absent = (statistics.median(some) for some in took.values())

    assert abs(foreign - absent) < 0.15 * absent, (foreign, absent)


async def test_the_owner_s_things_are_as_they_were(world: World, owner: httpx.AsyncClient) -> None:
    """The last one: after all that."""
    job = (await owner.get(f"/v1/jobs/{world.things['job']}")).json()
    letter = (await owner.get(f"/v1/jobs/{world.things['letter']}")).json()
    campaign = world.things["campaign"]
    told = (await owner.get(f"/v1/dead-letters/campaigns/{campaign}")).json()
    log = (await owner.get("/v1/audit", params={"limit": 200})).json()["data"]

    assert (job["state"], job["revision"]) == ("queued", 1)
    assert (letter["state"], letter["redrives"]) == ("failed", 0)
    assert told["state"] != "aborted"
    assert not [entry for entry in log if entry["by"] == "key:other"]
