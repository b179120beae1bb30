"""A real Prometheus looks at a house at work: every board, rule and alert sees what it asks for."""

import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import httpx
import pytest

from deploy.local.house import House
from deploy.local.lookout.lookout import Lookout
from deploy.local.lookout.showing import what_to_open
from deploy.observability.boards.written import documents
from tests.architecture.sources import REPO
from tests.e2e.busy import busy
from tests.e2e.prometheus import WINDOW, Prometheus, filled_in, flaw_of
from tests.e2e.promql import Selector, selectors
from tests.eventually import eventually
from tests.nodes import lookout_beside

WITHIN_SECONDS = 60.0
PARTS = {
    *(("waymark-gateway", "gateway"), ("waymark-notifier", "notifier")),
    *(("waymark-worker", "worker"), ("redis", "redis")),
    *(("rabbitmq", "rabbitmq"), ("rabbitmq-queues", "rabbitmq")),
}
OURS = '{job=~"waymark-.+"}'

# A healthy house has none of these: that what they look at is there is looked at.
QUIET = {
    'ALERTS{alertstate="firing", severity="page"}': "nobody is paged",
    f"sum by (where) (rate(waymark_gateway_faults_total[{WINDOW}])) > 0": "no bugs",
    'min(redis_memory_max_bytes{instance=~".*"} > 0)': "a house on one machine sets no limit",
}

# Exported, and on no board and in no rule: each for a reason.
UNSEEN = {
    "process_virtual_memory_bytes": "what is resident says more",
    "python_gc_collections_total": "for who profiles a process",
    "python_gc_objects_collected_total": "the same",
    "python_gc_objects_uncollectable_total": "the same",
    "python_info": "for who asks which Python an image has",
}


@dataclass(frozen=True)
class Asked:
    """A query of a board, and where it stands."""

    where: str
    query: str
    legend: str = ""


@pytest.fixture(scope="module")
def lookout(house: House) -> Iterator[Lookout]:
    with lookout_beside(house) as lookout, busy(house):
        yield lookout


@pytest.fixture(scope="module")
def prometheus(lookout: Lookout) -> Iterator[Prometheus]:
    prometheus = Prometheus(lookout.url)
    eventually(lambda: parts_up(prometheus) == PARTS, within=WITHIN_SECONDS)
    yield prometheus
    prometheus.close()


def test_every_part_is_scraped_and_alerts_have_somebody_to_go_to(
    prometheus: Prometheus, lookout: Lookout
) -> None:
    assert parts_up(prometheus) == PARTS
    assert [each.url for each in lookout.programs if not each.is_ready] == []
    assert prometheus.rules()


def test_what_a_person_is_told_to_open_is_there(lookout: Lookout) -> None:
    told = re.findall(r"http\S+", what_to_open(lookout))

    assert len(told) == 3, "two pages of Prometheus, and Alertmanager"
    assert {httpx.get(each, follow_redirects=True).status_code for each in told} == {200}


def test_every_panel_mark_and_variable_has_something_to_show(prometheus: Prometheus) -> None:
    waiting = [each for each in asked_by_boards() if each.query not in QUIET]
    assert waiting

    def all_told() -> bool:
        waiting[:] = [each for each in waiting if flaw_of(prometheus.ask(each.query))]
        assert not waiting, "\n".join(f"{each.where}: {each.query}" for each in waiting)
        return True

    eventually(all_told, within=WITHIN_SECONDS)


def test_every_label_that_a_legend_names_is_there(prometheus: Prometheus) -> None:
    named = [
        (each, label)
        for each in asked_by_boards()
        for label in re.findall(r"\{\{(\w+)\}\}", each.legend)
        if each.query not in QUIET
    ]

    def none_is_blank() -> bool:
        named[:] = [
            (each, label)
            for each, label in named
            if not any(label in sample.labels for sample in prometheus.ask(each.query))
        ]
        assert named == []
        return True

    eventually(none_is_blank, within=WITHIN_SECONDS)


def test_every_recording_rule_has_something_to_record(prometheus: Prometheus) -> None:
    waiting = [rule for rule in prometheus.rules() if rule.records]
    assert waiting

    def all_recorded() -> bool:
        waiting[:] = [rule for rule in waiting if flaw_of(prometheus.ask(rule.query))]
        assert not waiting, "\n".join(f"{rule.records}: {rule.query}" for rule in waiting)
        return True

    eventually(all_recorded, within=WITHIN_SECONDS)


def test_everything_that_an_alert_looks_at_is_there(prometheus: Prometheus) -> None:
    rules = prometheus.rules()
    recorded = {rule.records for rule in rules}
    alerts = [rule for rule in rules if not rule.records]
    assert alerts

    missing = {
        (rule.name, str(selector))
        for rule in alerts
        for selector in selectors(rule.query)
        if selector.name not in recorded | {"ALERTS"} and not prometheus.series(str(selector))
    }
    assert missing == set()


def test_what_is_quiet_looks_at_what_is_there(prometheus: Prometheus) -> None:
    for query in QUIET:
        for selector in selectors(query):
            found = prometheus.series(selector.name)
            assert any(selector.labels <= labels.keys() for labels in found), selector


def test_no_name_is_used_that_nobody_exports(prometheus: Prometheus) -> None:
    there = prometheus.names('{job=~".+"}') | {"ALERTS", "ALERTS_FOR_STATE"}
    there |= {rule.records for rule in prometheus.rules() if rule.records}

    unknown = {
        selector.names
        for selector in used(prometheus)
        if not any(re.fullmatch(selector.names, name) for name in there)
    }
    assert unknown == set()


def test_nothing_is_exported_that_nobody_looks_at_but_for_a_reason(prometheus: Prometheus) -> None:
    exported = {name for name in prometheus.families(OURS) if not name.startswith("scrape_")}
    patterns = {selector.names for selector in used(prometheus)}
    seen = {
        family
        for family in exported
        for name in (family, f"{family}_bucket", f"{family}_count", f"{family}_sum")
        if any(re.fullmatch(pattern, name) for pattern in patterns)
    }

    assert sorted(exported - seen) == sorted(UNSEEN)


def test_nothing_is_recorded_that_nobody_uses(prometheus: Prometheus) -> None:
    rules = prometheus.rules()
    queries = [each.query for each in asked_by_boards()] + [rule.query for rule in rules]
    used = {selector.name for query in queries for selector in selectors(query)}

    assert {rule.records for rule in rules if rule.records} - used - set(told_of()) == set()


def test_no_page_tells_of_a_metric_that_nobody_exports(prometheus: Prometheus) -> None:
    there = prometheus.names(OURS) | prometheus.families(OURS)
    there |= {rule.records for rule in prometheus.rules()}

    assert {name: page for name, page in told_of().items() if name not in there} == {}


def told_of() -> dict[str, str]:
    """Names of ours that are told of to people and to Kubernetes, and where; not its copies."""
    kubernetes = (REPO / "deploy" / "kubernetes").rglob("*.yaml")
    pages = (
        *(REPO / "docs").rglob("*.md"),
        *(page for page in kubernetes if page.parent.name != "monitoring"),
    )
    return {
        name: page.name
        for page in pages
        for name in re.findall(r"(?<![\w/])waymark[_:][\w:]+\w(?![\w:…*])", page.read_text())
    }


def asked_by_boards() -> list[Asked]:
    return [asked for text in documents().values() for asked in asked_by(json.loads(text))]


def asked_by(board: dict[str, Any]) -> Iterator[Asked]:
    variables = {each["name"] for each in board["templating"]["list"]}
    for panel in board["panels"]:
        for target in panel.get("targets", ()):
            query = filled_in(target["expr"], variables)
            yield Asked(f"{board['title']}: {panel['title']}", query, target["legendFormat"])
    for mark in board["annotations"]["list"]:
        yield Asked(f"{board['title']}: {mark['name']}", mark["expr"])
    for choice in board["templating"]["list"]:
        if choice["type"] == "query":
            yield of_variable(board["title"], choice["definition"], variables)


def of_variable(board: str, definition: str, variables: set[str]) -> Asked:
    found = re.fullmatch(r"label_values\((.*), (\w+)\)", definition)
    assert found, definition
    query = f"count by ({found[2]}) ({filled_in(found[1], variables)})"
    return Asked(f"{board}: {definition}", query, f"{{{{{found[2]}}}}}")


def used(prometheus: Prometheus) -> set[Selector]:
    queries = [each.query for each in asked_by_boards()]
    queries += [rule.query for rule in prometheus.rules()]
    return {selector for query in queries for selector in selectors(query)}


def parts_up(prometheus: Prometheus) -> set[tuple[str, str]]:
    return {(each.labels["job"], each.labels["instance"]) for each in prometheus.ask("up == 1")}
