"""The page at the gateway's `/`, in Chromium, with a whole house behind it."""

import os
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from deploy.local.house import House, Ports
from tests.nodes import Rabbit, Redis

PATIENCE_MS = 20_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def house(rabbitmq: Rabbit, redis_node: Redis, nodes_folder: Path) -> Iterator[House]:
    """One for all of these tests; a test that stops a part starts it again."""
    redis_node.flush()
    inherited = {k: v for k, v in os.environ.items() if not k.startswith("WAYMARK_")}
    told = {
        "WAYMARK_AMQP_URL": rabbitmq.new_vhost("page"),
        "WAYMARK_REDIS_URL": redis_node.url,
        "WAYMARK_SLOTS": "2",
    }
    built = House(nodes_folder / "page-house", env=inherited | told, ports=Ports.free())
    try:
        built.start()
        yield built
    finally:
        built.kill()


@pytest.fixture
def page(browser: Browser) -> Iterator[Page]:
    """An empty tab of its own; a fault that nobody caught fails the test."""
    context = browser.new_context()
    tab = context.new_page()
    faults: list[str] = []
    tab.on("pageerror", lambda fault: faults.append(str(fault)))
    yield tab
    context.close()
    assert faults == []


@pytest.fixture
def inside(page: Page, house: House) -> Page:
    """The page, with the key of the tenant `dev` in the fragment of its address."""
    page.goto(f"{house.url}/#key={house.keys.tenant}")
    expect(page.locator("#submit")).to_be_enabled()
    return page


def submit(page: Page, **fields: object) -> None:
    page.select_option("#type", "demo.steps")
    for name, value in fields.items():
        page.fill(f"#field-{name}", str(value))
    page.click("#submit")


def state(page: Page, name: str) -> None:
    expect(page.locator(f".job[data-state={name}]")).to_be_visible()


def timeline(page: Page) -> list[tuple[int, str]]:
    return [
        (int(step.get_attribute("data-step") or 0), step.get_attribute("data-state") or "")
        for step in page.locator(".steps li").all()
    ]


def assert_told_with_one_retry(page: Page) -> None:
    seen = timeline(page)
    states = [name for _, name in seen]
    assert [step for step, _ in seen] == list(range(1, len(seen) + 1))
    assert states[0] == "queued"
    # A retry that is due may be queued for a moment before it runs.
    told = [name for name in states if name != "queued"]
    assert told == ["running", "retrying", "running", "succeeded"]


def test_a_job_is_run_from_its_form_and_told_to_its_end(inside: Page) -> None:
    submit(inside, steps=6, seconds_per_step=0.05, fail_times=1)
    state(inside, "succeeded")

    assert_told_with_one_retry(inside)
    expect(inside.get_by_role("progressbar")).to_have_attribute("aria-valuenow", "100")
    expect(inside.locator(".attempts li")).to_have_count(2)
    expect(inside.locator(".attempts li").first).to_contain_text("attempt 1 fails, as ordered")
    expect(inside.locator(".job pre").last).to_contain_text('"steps": 6')
    expect(inside.locator("#spoken")).to_have_text("Succeeded")
    expect(inside).to_have_title("Succeeded · demo.steps")
    expect(inside.locator("#recent button").first).to_have_attribute("data-state", "succeeded")


def test_notifier_restarts_cost_no_step_and_are_told_honestly(inside: Page, house: House) -> None:
    notifier = house.service("notifier")
    submit(inside, steps=30, seconds_per_step=0.1, fail_times=1)
    state(inside, "running")
    notifier.kill()
    expect(inside.locator("#line")).to_contain_text("Offline")
    expect(inside.locator(".job .note").first).to_contain_text("The job itself goes on")
    notifier.start()
    expect(inside.locator("#line")).to_have_text("Live")
    state(inside, "succeeded")

    assert_told_with_one_retry(inside)
    expect(inside.locator(".job .note").first).to_be_hidden()


def test_a_running_job_is_cancelled_with_the_keyboard(inside: Page) -> None:
    submit(inside, steps=600, seconds_per_step=0.1)
    state(inside, "running")
    inside.get_by_role("button", name="Cancel", exact=True).focus()
    inside.keyboard.press("Enter")

    state(inside, "cancelled")
    expect(inside.locator("#job")).to_be_focused()
    expect(inside.get_by_role("button", name="Cancel", exact=True)).to_have_count(0)


def test_a_dead_letter_is_tried_again_from_the_page(inside: Page) -> None:
    submit(inside, steps=2, seconds_per_step=0, crash_times=2)
    state(inside, "failed")
    expect(inside.locator(".job .note.bad")).to_contain_text("died")
    inside.get_by_role("button", name="Try it again").click()

    state(inside, "succeeded")
    assert [name for _, name in timeline(inside)][-3:] == ["queued", "running", "succeeded"]


def test_a_wrong_field_is_named_where_it_is(inside: Page) -> None:
    submit(inside, steps=0)
    field = inside.locator("#field-steps")

    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    expect(inside.locator("#field-steps-fault")).to_contain_text("1 or more")
    field.fill("2.5")
    inside.click("#submit")
    expect(inside.locator("#field-steps-fault")).to_contain_text("whole number")


def test_what_only_the_gateway_finds_wrong_is_named_there_too(inside: Page) -> None:
    inside.select_option("#type", "csv.profile")
    inside.fill("#field-source", "no.csv")
    inside.locator("#field-delimiter").evaluate("field => field.removeAttribute('maxlength')")
    inside.fill("#field-delimiter", '"""')
    inside.click("#submit")

    expect(inside.locator("#field-delimiter-fault")).to_be_visible()
    expect(inside.locator("#field-delimiter")).to_be_focused()


def test_the_key_leaves_the_address_and_is_nowhere_in_the_page(inside: Page, house: House) -> None:
    key = house.keys.tenant

    assert key not in inside.url
    assert key not in inside.content()
    inside.reload()
    expect(inside.locator("#house")).to_be_visible()  # kept by this tab
    inside.get_by_role("button", name="Forget key").click()
    expect(inside.locator("#door")).to_be_visible()
    inside.reload()
    expect(inside.locator("#door")).to_be_visible()


def test_a_key_can_be_typed_in_and_a_wrong_one_is_told(page: Page, house: House) -> None:
    page.goto(house.url)
    page.get_by_label("API key").fill("wm_nobody_knows")
    page.keyboard.press("Enter")
    expect(page.get_by_role("alert")).not_to_be_empty()
    page.get_by_label("API key").fill(house.keys.tenant)
    page.keyboard.press("Enter")

    expect(page.locator("#house")).to_be_visible()


def test_the_list_tells_of_jobs_that_others_submit(inside: Page, house: House) -> None:
    rows = inside.locator("#recent button")
    expect(inside.locator("#line")).to_have_text("Live")
    before = rows.count()
    answer = inside.request.post(
        f"{house.url}/v1/jobs",
        headers={"authorization": f"Bearer {house.keys.tenant}"},
        data={"type": "demo.steps", "payload": {"steps": 1, "seconds_per_step": 0}},
    )

    assert answer.status == 202
    job = answer.json()["id"]
    expect(inside.locator(f'[data-job="{job}"][data-state="succeeded"]')).to_be_visible()
    assert rows.count() in {before + 1, 8}


def test_where_no_websocket_opens_the_page_lives_by_event_streams(page: Page, house: House) -> None:
    page.add_init_script("""window.WebSocket = class {
        constructor() { setTimeout(() => this.onclose({ code: 1006, reason: "" }), 5); }
        close() {}
    };
    // What the page before it has found out, after three that failed.
    sessionStorage.setItem("waymark.without-websocket-until", Date.now() + 60_000);""")
    page.goto(f"{house.url}/#key={house.keys.tenant}")
    expect(page.locator("#line")).to_have_text("Live")
    submit(page, steps=5, seconds_per_step=0.1, fail_times=1)
    state(page, "succeeded")

    assert_told_with_one_retry(page)


def test_on_a_phone_the_job_comes_into_sight(browser: Browser, house: House) -> None:
    context = browser.new_context(viewport={"width": 390, "height": 700})
    tab = context.new_page()
    tab.goto(f"{house.url}/#key={house.keys.tenant}")
    tab.locator("#submit").scroll_into_view_if_needed()
    submit(tab, steps=2, seconds_per_step=0)

    expect(tab.get_by_role("progressbar")).to_be_in_viewport()
    expect(tab.locator(".job h1")).to_be_in_viewport()
    assert tab.locator("html").evaluate("root => root.scrollWidth") <= 390
    context.close()


def test_a_job_has_an_address_of_its_own(inside: Page) -> None:
    submit(inside, steps=3, seconds_per_step=0)
    state(inside, "succeeded")
    assert re.search(r"#job=[0-9a-f-]{36}$", inside.url)
    inside.reload()

    state(inside, "succeeded")
    assert [name for _, name in timeline(inside)] == ["queued", "running", "succeeded"]


def test_nothing_is_asked_of_anybody_but_the_house(house: House, page: Page) -> None:
    asked: list[str] = []
    page.on("request", lambda request: asked.append(request.url))
    page.on("websocket", lambda socket: asked.append(socket.url))
    page.goto(f"{house.url}/#key={house.keys.tenant}")
    expect(page.locator("#line")).to_have_text("Live")

    ours = tuple(house.service(name).url for name in ("gateway", "notifier"))
    at_home = (*ours, *(url.replace("http", "ws", 1) for url in ours))
    assert [url for url in asked if not url.startswith(at_home)] == []
    assert not any(house.keys.tenant in url for url in asked[1:])
