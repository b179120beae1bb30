"""Grafana's boards: as the generator writes them, and fit for somebody woken at night."""

import itertools
import json
import re
from pathlib import Path
from typing import Any

import pytest

from deploy.observability.boards.board import COLUMNS, SCHEMA
from deploy.observability.boards.panels import SOURCE
from deploy.observability.boards.written import FOLDER, documents
from tests.architecture.sources import REPO, name_of

FILES = sorted(documents())
MOST_PANELS = 28  # more is a wall that nobody reads at night
UNITS = {"s", "bytes", "percentunit", "reqps", "short"}  # or a word of our own: "suffix: …"
BUILT_IN = {"__rate_interval", "__range", "__all"}
SHORTEST_EXPLANATION = 30


def board(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(documents()[file])
    return found


def panels(file: Path) -> list[dict[str, Any]]:
    return [panel for panel in board(file)["panels"] if panel["type"] != "row"]


of_every_board = pytest.mark.parametrize("file", FILES, ids=name_of)


@of_every_board
def test_it_is_as_the_generator_would_write_it_now(file: Path) -> None:
    assert file.read_text() == documents()[file], "run `python -m deploy.observability.boards`"


def test_nothing_else_lies_beside_them() -> None:
    assert set(FOLDER.iterdir()) == set(FILES)


def test_a_board_has_an_address_of_its_own_for_good() -> None:
    uids = [board(file)["uid"] for file in FILES]

    assert len(set(uids)) == len(uids)
    assert all(re.fullmatch(r"waymark-[a-z-]{3,30}", uid) for uid in uids)


@of_every_board
def test_it_is_of_the_one_schema_and_nobody_changes_it_by_hand(file: Path) -> None:
    found = board(file)

    assert found["schemaVersion"] == SCHEMA
    assert found["editable"] is False
    assert "id" not in found


@of_every_board
def test_its_panels_have_ids_and_titles_of_their_own_and_are_few(file: Path) -> None:
    ids = [panel["id"] for panel in board(file)["panels"]]
    titles = [panel["title"] for panel in panels(file)]

    assert sorted(set(ids)) == sorted(ids)
    assert sorted(set(titles)) == sorted(titles)
    assert len(titles) <= MOST_PANELS


@of_every_board
def test_each_panel_says_what_it_shows_in_which_unit_and_what_to_do(file: Path) -> None:
    for panel in panels(file):
        unit = panel["fieldConfig"]["defaults"]["unit"]
        assert len(panel["description"]) >= SHORTEST_EXPLANATION, panel["title"]
        assert unit in UNITS or unit.startswith("suffix:"), (panel["title"], unit)
        assert panel["targets"], panel["title"]
        for link in panel["links"]:
            page = link["url"].removeprefix("${runbooks}/")
            assert (REPO / "docs" / "runbooks" / page).exists(), (panel["title"], page)


@of_every_board
def test_no_panel_lies_on_another_or_beyond_the_edge(file: Path) -> None:
    places = [panel["gridPos"] for panel in board(file)["panels"]]

    assert all(at["x"] >= 0 and at["x"] + at["w"] <= COLUMNS for at in places)
    for one, other in itertools.combinations(places, 2):
        beside = one["x"] + one["w"] <= other["x"] or other["x"] + other["w"] <= one["x"]
        above = one["y"] + one["h"] <= other["y"] or other["y"] + other["h"] <= one["y"]
        assert beside or above, (one, other)


@of_every_board
def test_no_line_of_panels_ends_in_a_hole(file: Path) -> None:
    widths: dict[int, int] = {}
    for panel in board(file)["panels"]:
        at = panel["gridPos"]
        widths[at["y"]] = widths.get(at["y"], 0) + at["w"]

    assert {top: width for top, width in widths.items() if width != COLUMNS} == {}


@of_every_board
def test_everything_is_asked_of_the_source_that_was_chosen(file: Path) -> None:
    found = board(file)

    assert found["templating"]["list"][0]["type"] == "datasource"
    for asked in (
        *panels(file),
        *(target for panel in panels(file) for target in panel["targets"]),
        *found["annotations"]["list"],
        *(each for each in found["templating"]["list"] if each["type"] == "query"),
    ):
        assert asked["datasource"] == SOURCE


@of_every_board
def test_each_variable_is_used_and_each_that_is_used_is_there(file: Path) -> None:
    found = board(file)
    there = {each["name"] for each in found["templating"]["list"]}

    used = set(re.findall(r"\$\{?(\w+)", json.dumps(found))) - BUILT_IN
    assert used == there


def test_the_same_series_has_the_same_colour_on_every_board() -> None:
    colours: dict[tuple[str, str], set[str]] = {}
    for file in FILES:
        for panel in panels(file):
            legends = ",".join(target["legendFormat"] for target in panel["targets"])
            for override in panel["fieldConfig"]["overrides"]:
                for change in override["properties"]:
                    if change["id"] == "color":
                        series = (legends, override["matcher"]["options"])
                        colours.setdefault(series, set()).add(change["value"]["fixedColor"])

    assert {series: hues for series, hues in colours.items() if len(hues) > 1} == {}


def test_grafana_is_given_the_folder_and_lets_nobody_change_what_lies_in_it() -> None:
    provisioning = FOLDER.parent / "grafana" / "provisioning"
    boards = (provisioning / "dashboards" / "waymark.yml").read_text()
    source = (provisioning / "datasources" / "prometheus.yml").read_text()

    assert "allowUiUpdates: false" in boards
    assert "disableDeletion: true" in boards
    assert "path: ${WAYMARK_DASHBOARDS}" in boards
    assert "uid: waymark-prometheus" in source
    assert "url: ${WAYMARK_PROMETHEUS_URL}" in source
