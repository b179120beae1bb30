"""A board: rows of panels, what can be chosen above them, and what is marked on all of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from deploy.observability.boards.colours import BAD, CALM, WARNING
from deploy.observability.boards.panels import SOURCE, Json, Panel

COLUMNS: Final = 24
SCHEMA: Final = 39  # Grafana 11; newer ones read it
RUNBOOKS: Final = "/public/runbooks"  # compose.yaml lays docs/runbooks where Grafana serves files

SINCE: Final = (
    '1000 * min by (service, version, revision) (process_start_time_seconds{job=~"waymark-.+"}'
    " * on (job, instance) group_left (service, version, revision) waymark_build_info)"
)
STARTS: Final = '1000 * process_start_time_seconds{job=~"waymark-.+"}'
PAGES: Final = 'ALERTS{alertstate="firing", severity="page"}'


@dataclass(frozen=True)
class Row:
    """Panels that answer one question, which is its title; folded ones are for who digs."""

    title: str
    panels: Sequence[Panel]


@dataclass(frozen=True)
class Choice:
    """A variable: all values of `label` of the series `of`; all of them are chosen at first."""

    name: str
    says: str
    of: str
    label: str


@dataclass(frozen=True)
class Board:
    """One dashboard; `uid` is its address for good."""

    uid: str
    title: str
    says: str
    rows: Sequence[Row]
    choices: Sequence[Choice] = ()

    def as_json(self) -> Json:
        """Return what Grafana reads."""
        return {
            "uid": self.uid,
            "title": f"Waymark / {self.title}",
            "description": self.says,
            "tags": ["waymark"],
            "schemaVersion": SCHEMA,
            "version": 1,
            "editable": False,
            "graphTooltip": 1,
            "refresh": "30s",
            "time": {"from": "now-3h", "to": "now"},
            "timezone": "browser",
            "links": [_to_the_others()],
            "templating": {"list": [_datasource(), *map(_variable, self.choices), _runbooks()]},
            "annotations": {"list": _marks()},
            "panels": self._panels(),
        }

    def _panels(self) -> list[Json]:
        placed: list[Json] = []
        top = 0
        for row in self.rows:
            place = {"x": 0, "y": top, "w": COLUMNS, "h": 1}
            placed.append(
                {"type": "row", "title": row.title, "collapsed": False, "panels": []}
                | {"gridPos": place}
            )
            top += 1
            for line in _lines(row.panels):
                placed.extend(_beside_each_other(line, top))
                top += max(panel.height for panel in line)
        return [{"id": number} | panel for number, panel in enumerate(placed, start=1)]


def _lines(panels: Sequence[Panel]) -> list[list[Panel]]:
    """Break a row where a line is full."""
    lines: list[list[Panel]] = [[]]
    for panel in panels:
        if sum(each.width for each in lines[-1]) + panel.width > COLUMNS:
            lines.append([])
        lines[-1].append(panel)
    return lines


def _beside_each_other(line: Sequence[Panel], top: int) -> list[Json]:
    lefts = [sum(each.width for each in line[:number]) for number in range(len(line))]
    return [
        panel.as_json() | {"gridPos": {"x": left, "y": top, "w": panel.width, "h": panel.height}}
        for panel, left in zip(line, lefts, strict=True)
    ]


def _datasource() -> Json:
    return {
        "name": "datasource",
        "label": "Prometheus",
        "type": "datasource",
        "query": "prometheus",
        "current": {},
        "options": [],
        "refresh": 1,
        "regex": "",
        "hide": 0,
        "includeAll": False,
        "multi": False,
    }


def _variable(choice: Choice) -> Json:
    query = f"label_values({choice.of}, {choice.label})"
    return {
        "name": choice.name,
        "label": choice.says,
        "type": "query",
        "datasource": SOURCE,
        "definition": query,
        "query": {"query": query, "refId": "PrometheusVariableQueryEditor-VariableQuery"},
        "current": {"selected": True, "text": ["All"], "value": ["$__all"]},
        "options": [],
        "refresh": 2,
        "regex": "",
        "sort": 1,
        "hide": 0,
        "includeAll": True,
        "allValue": ".*",
        "multi": True,
    }


def _runbooks() -> Json:
    return {
        "name": "runbooks",
        "type": "constant",
        "query": RUNBOOKS,
        "current": {"selected": True, "text": RUNBOOKS, "value": RUNBOOKS},
        "options": [{"selected": True, "text": RUNBOOKS, "value": RUNBOOKS}],
        "hide": 2,
        "skipUrlSync": True,
    }


def _to_the_others() -> Json:
    return {
        "title": "Waymark",
        "type": "dashboards",
        "tags": ["waymark"],
        "asDropdown": False,
        "includeVars": True,
        "keepTime": True,
        "targetBlank": False,
        "icon": "external link",
        "tooltip": "",
        "url": "",
    }


def _marks() -> list[Json]:
    deploys = _mark("Deploys", CALM, SINCE) | {
        "useValueForTime": True,
        "titleFormat": "{{service}} {{version}}",
        "textFormat": "the first process of revision {{revision}}",
        "tagKeys": "service",
    }
    starts = _mark("Starts", WARNING, STARTS) | {
        "useValueForTime": True,
        "enable": False,
        "titleFormat": "{{instance}} started",
        "tagKeys": "job",
    }
    pages = _mark("Pages", BAD, PAGES) | {"titleFormat": "{{alertname}}", "tagKeys": "service"}
    return [deploys, starts, pages]


def _mark(name: str, colour: str, expr: str) -> Json:
    return {
        "name": name,
        "datasource": SOURCE,
        "enable": True,
        "hide": False,
        "iconColor": colour,
        "expr": expr,
        "step": "60s",
    }
