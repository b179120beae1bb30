"""What every panel has: a title, queries, a unit, where it gets bad, and what to do then."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Final

from deploy.observability.boards.colours import BAD, GOOD, WARNING

Json = dict[str, Any]

SOURCE: Final = {"type": "prometheus", "uid": "${datasource}"}
RUNBOOKS: Final = "${runbooks}"  # a variable: each house says where they are read


@dataclass(frozen=True)
class Query:
    """One line of PromQL; `legend` names its series, with {{labels}}."""

    expr: str
    legend: str = ""


@dataclass(frozen=True)
class Steps:
    """From where on a value is worth a look, and from where on it is bad. None: never."""

    warn: float | None = None
    bad: float | None = None
    start: str = GOOD  # the colour below both; of a share of what is good it is the bad one

    def as_json(self) -> Json:
        """Return Grafana's thresholds."""
        above = [
            {"color": colour, "value": value}
            for colour, value in ((WARNING, self.warn), (BAD, self.bad))
            if value is not None
        ]
        return {"mode": "absolute", "steps": [{"color": self.start, "value": None}, *above]}


@dataclass(frozen=True, kw_only=True)
class Panel:
    """What every panel has."""

    title: str
    says: str  # what it shows, what is bad, what to do then; shown under the (i)
    queries: Sequence[Query]
    unit: str
    runbook: str  # a page of docs/runbooks, without its suffix
    width: int = 8
    height: int = 8
    steps: Steps = field(default_factory=Steps)
    decimals: int | None = None
    least: float | None = None  # where the axis begins
    most: float | None = None

    kind = ""
    instant = False
    format = "time_series"

    def as_json(self) -> Json:
        """Return Grafana's panel, but for its id and place."""
        return {
            "type": self.kind,
            "title": self.title,
            "description": self.says,
            "datasource": SOURCE,
            "targets": [self._target(number, each) for number, each in enumerate(self.queries)],
            "fieldConfig": {"defaults": self._defaults(), "overrides": self._overrides()},
            "options": self._options(),
            "links": [
                {
                    "title": f"What to do: {self.runbook}",
                    "url": f"{RUNBOOKS}/{self.runbook}.md",
                    "targetBlank": True,
                }
            ],
        }

    def _target(self, number: int, query: Query) -> Json:
        return {
            "refId": chr(ord("A") + number),
            "datasource": SOURCE,
            "editorMode": "code",
            "expr": query.expr,
            "legendFormat": query.legend or "__auto",
            "format": self.format,
            "instant": self.instant,
            "range": not self.instant,
        }

    def _defaults(self) -> Json:
        optional = {"decimals": self.decimals, "min": self.least, "max": self.most}
        return {
            "unit": self.unit,
            "color": {"mode": "thresholds"},
            "thresholds": self.steps.as_json(),
            "mappings": [],
            **{name: value for name, value in optional.items() if value is not None},
        }

    def _overrides(self) -> list[Json]:
        return []

    def _options(self) -> Json:
        return {}


def override(name: str, prop: str, value: object) -> Json:
    """Return what makes one series, or one column, different."""
    return {
        "matcher": {"id": "byName", "options": name},
        "properties": [{"id": prop, "value": value}],
    }
