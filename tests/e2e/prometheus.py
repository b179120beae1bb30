"""A real Prometheus, asked over its HTTP API."""

import math
from dataclasses import dataclass
from typing import Any

import httpx

WINDOW = "20s"  # scraped once a second; a rate over it sees what users do every few seconds


@dataclass(frozen=True)
class Sample:
    """One element of an instant vector."""

    labels: dict[str, str]
    value: float


@dataclass(frozen=True)
class Rule:
    """A rule that is loaded; `records` is empty for an alert."""

    name: str
    records: str
    query: str


class Prometheus:
    """One that runs; every answer that is no success is an AssertionError with its reason."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=f"{url}/api/v1", timeout=10)

    def close(self) -> None:
        self._http.close()

    def ask(self, query: str) -> list[Sample]:
        """The vector that a query gives now."""
        found = self._post("/query", query=query)
        assert found["resultType"] == "vector", (query, found["resultType"])
        return [Sample(each["metric"], float(each["value"][1])) for each in found["result"]]

    def series(self, selector: str) -> list[dict[str, str]]:
        """The labels of every series that a selector finds."""
        found: list[dict[str, str]] = self._post("/series", **{"match[]": selector})
        return found

    def names(self, selector: str) -> set[str]:
        """The names of all metrics whose series match."""
        return {labels["__name__"] for labels in self.series(selector)}

    def families(self, selector: str) -> set[str]:
        """The same by family: a histogram is one, and not a bucket, a count and a sum."""
        endings = ("_bucket", "_count", "_sum")
        names = self.names(selector)
        folded = {name.removesuffix(end) for name in names for end in endings}
        histograms = {name for name in folded if f"{name}_bucket" in names}
        parts = {f"{name}{end}" for name in histograms for end in endings}
        return {name for name in names if not name.endswith("_created")} - parts | histograms

    def rules(self) -> list[Rule]:
        """Everything that is loaded; a rule that fails is an AssertionError."""
        answer = self._http.get("/rules").raise_for_status().json()["data"]
        rules = [rule for group in answer["groups"] for rule in group["rules"]]
        assert [rule for rule in rules if rule["health"] == "err"] == []
        return [
            Rule(rule["name"], rule["name"] if rule["type"] == "recording" else "", rule["query"])
            for rule in rules
        ]

    def _post(self, path: str, **form: str) -> Any:
        answer = self._http.post(path, data=form).json()
        assert answer["status"] == "success", (form, answer.get("error"))
        return answer["data"]


def filled_in(query: str, variables: set[str]) -> str:
    """A panel's query as Grafana would send it with everything chosen."""
    for name, value in {"__rate_interval": WINDOW, "__range": WINDOW}.items():
        query = query.replace(f"${name}", value)
    for name in variables:
        query = query.replace(f"${{{name}}}", ".*").replace(f"${name}", ".*")
    return query


def flaw_of(samples: list[Sample]) -> str:
    """What is wrong with an answer that a panel shall show; "" when nothing is.

    A quantile of a histogram that observed nothing lately is no number: that may be so of some
    series, not of all.
    """
    if not samples:
        return "nothing"
    if any(math.isinf(each.value) for each in samples):
        return f"infinite: {samples}"
    return "" if any(not math.isnan(each.value) for each in samples) else "no number in it"
