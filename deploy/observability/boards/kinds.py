"""The kinds of panels there are here."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from deploy.observability.boards.colours import colours_of
from deploy.observability.boards.panels import Json, Panel, Steps, override


@dataclass(frozen=True, kw_only=True)
class Tile(Panel):
    """One number on its colour, with its recent past behind it: is it bad, and since when."""

    width: int = 4
    height: int = 5

    kind = "stat"

    def _options(self) -> Json:
        return {
            "colorMode": "background",
            "graphMode": "area",
            "justifyMode": "center",
            "orientation": "auto",
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "textMode": "value",
            "wideLayout": True,
        }

    def _defaults(self) -> Json:
        return super()._defaults() | {"noValue": "-"}


@dataclass(frozen=True, kw_only=True)
class Lines(Panel):
    """Values over time; known words have their colours. `stacked`: parts of one whole."""

    stacked: bool = False
    logarithmic: bool = False
    colours: Mapping[str, str] = field(default_factory=dict)  # of series that have none
    dashed: Sequence[str] = ("limit",)  # limits, not measurements

    kind = "timeseries"

    def _defaults(self) -> Json:
        has_steps = self.steps != Steps()
        scale: Json = {"type": "log", "log": 10} if self.logarithmic else {"type": "linear"}
        return super()._defaults() | {
            "noValue": "none",
            "color": {"mode": "palette-classic"},
            "custom": {
                "drawStyle": "line",
                "lineInterpolation": "linear",
                "lineWidth": 1,
                "fillOpacity": 70 if self.stacked else 8,
                "gradientMode": "none",
                "showPoints": "never",
                "spanNulls": False,
                "stacking": {"mode": "normal" if self.stacked else "none", "group": "A"},
                "scaleDistribution": scale,
                "thresholdsStyle": {"mode": "dashed" if has_steps else "off"},
                "axisPlacement": "auto",
                "axisSoftMin": 0,
                "hideFrom": {"legend": False, "tooltip": False, "viz": False},
            },
        }

    def _overrides(self) -> list[Json]:
        legends = [query.legend for query in self.queries]
        colours = {**colours_of(legends), **self.colours}
        coloured = [
            override(word, "color", {"mode": "fixed", "fixedColor": colour})
            for word, colour in colours.items()
        ]
        dashed = [
            override(word, "custom.lineStyle", {"fill": "dash", "dash": [8, 8]})
            for word in self.dashed
            if word in legends
        ]
        return [*coloured, *dashed]

    def _options(self) -> Json:
        return {
            "legend": {
                "displayMode": "list",
                "placement": "bottom",
                "showLegend": True,
                "calcs": [],
            },
            "tooltip": {"mode": "multi", "sort": "desc"},
        }


@dataclass(frozen=True, kw_only=True)
class Heat(Panel):
    """A histogram over time: the darker, the more; shows two crowds where a line shows none."""

    kind = "heatmap"
    format = "heatmap"

    def _options(self) -> Json:
        return {
            "calculate": False,
            "cellGap": 1,
            "color": {
                "mode": "scheme",
                "scheme": "Oranges",
                "scale": "exponential",
                "exponent": 0.5,
                "steps": 64,
                "reverse": False,
                "fill": "dark-orange",
            },
            "exemplars": {"color": "rgba(255,0,255,0.7)"},
            "filterValues": {"le": 1e-9},
            "legend": {"show": True},
            "rowsFrame": {"layout": "auto"},
            "tooltip": {"mode": "single", "showColorScale": True, "yHistogram": True},
            "yAxis": {"axisPlacement": "left", "reverse": False, "unit": self.unit},
        }

    def _defaults(self) -> Json:
        return super()._defaults() | {
            "custom": {
                "hideFrom": {"legend": False, "tooltip": False, "viz": False},
                "scaleDistribution": {"type": "linear"},
            }
        }


@dataclass(frozen=True, kw_only=True)
class States(Panel):
    """Bars over time: what is the case, and for how long it has been."""

    words: Mapping[int, tuple[str, str]]  # value -> what to call it, its colour

    kind = "state-timeline"

    def _defaults(self) -> Json:
        options = {
            str(value): {"index": index, "text": text, "color": colour}
            for index, (value, (text, colour)) in enumerate(self.words.items())
        }
        return super()._defaults() | {
            "mappings": [{"type": "value", "options": options}],
            "custom": {
                "fillOpacity": 70,
                "lineWidth": 0,
                "hideFrom": {"legend": False, "tooltip": False, "viz": False},
            },
        }

    def _options(self) -> Json:
        return {
            "mergeValues": True,
            "showValue": "never",
            "alignValue": "left",
            "rowHeight": 0.85,
            "legend": {
                "displayMode": "list",
                "placement": "bottom",
                "showLegend": True,
                "calcs": [],
            },
            "tooltip": {"mode": "single", "sort": "none"},
        }


@dataclass(frozen=True)
class Column:
    """A column of a table: what Prometheus calls it, what we do, its unit."""

    of: str  # a label, or "Value #A" for what query A says
    name: str
    unit: str = ""
    steps: Steps | None = None

    def overrides(self) -> list[Json]:
        """Return what is different about it."""
        told: list[Json] = []
        if self.unit:
            told.append(override(self.name, "unit", self.unit))
        if self.steps:
            told.append(override(self.name, "thresholds", self.steps.as_json()))
            told.append(override(self.name, "custom.cellOptions", {"type": "color-text"}))
        return told


@dataclass(frozen=True, kw_only=True)
class Table(Panel):
    """What is the case now, one row for each set of labels; only the named columns are shown."""

    columns: Sequence[Column]
    sort_by: str = ""
    descending: bool = True
    unit: str = "short"

    kind = "table"
    instant = True
    format = "table"

    def as_json(self) -> Json:
        """Return Grafana's panel, its columns chosen, ordered and named."""
        organize = {
            "id": "organize",
            "options": {
                "indexByName": {each.of: place for place, each in enumerate(self.columns)},
                "renameByName": {each.of: each.name for each in self.columns},
            },
        }
        chosen = "^(" + "|".join(each.of for each in self.columns) + ")$"
        keep = {"id": "filterFieldsByName", "options": {"include": {"pattern": chosen}}}
        merge = {"id": "merge", "options": {}}
        return super().as_json() | {"transformations": [merge, keep, organize]}

    def _overrides(self) -> list[Json]:
        return [each for column in self.columns for each in column.overrides()]

    def _options(self) -> Json:
        sort = [{"displayName": self.sort_by, "desc": self.descending}] if self.sort_by else []
        return {
            "showHeader": True,
            "cellHeight": "sm",
            "footer": {"show": False, "countRows": False, "fields": "", "reducer": ["sum"]},
            "sortBy": sort,
        }
