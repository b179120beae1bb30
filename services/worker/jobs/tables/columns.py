"""Describes one column from its cells, in bounded memory: counts texts, then folds the counts."""

import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Final

from services.worker.jobs.tables.cells import NULLS, Kind, classify, common_kind
from services.worker.jobs.tables.sketch import DistinctSketch

LONGEST_SHOWN: Final = 80  # characters of a smallest or largest text
_NUMERIC: Final = {Kind.INTEGER, Kind.NUMBER}


@dataclass(slots=True)
class Column:
    """A column under way; up to `exact_until` different texts are counted exactly."""

    exact_until: int
    cells: int = 0
    nulls: int = 0
    sketch: DistinctSketch | None = None
    kinds: set[Kind] = field(default_factory=set)
    least_text: str | None = None
    greatest_text: str | None = None
    least: float = math.inf
    greatest: float = -math.inf
    whole_sum: int = 0
    broken_sum: float = 0.0
    _texts: Counter[str] = field(default_factory=Counter)
    _distinct: int = 0

    def add(self, cells: Iterable[str]) -> None:
        """Take a batch of cells."""
        self._texts.update(cells)
        if len(self._texts) > self.exact_until:
            self.sketch = self.sketch or DistinctSketch()
            self._fold()

    def close(self) -> None:
        """Take what has not been folded yet; call once, after the last batch."""
        self._fold()

    @property
    def kind(self) -> Kind:
        """The narrowest type that all cells fit."""
        return common_kind(self.kinds)

    @property
    def distinct(self) -> int:
        """How many different texts there were; an estimate where there is a `sketch`."""
        return self._distinct if self.sketch is None else self.sketch.estimate()

    @property
    def bounds(self) -> tuple[float | str | None, float | str | None]:
        """The least and the greatest: numbers for numbers, otherwise texts in text order."""
        if self.kind in _NUMERIC:
            return self.least, self.greatest
        return _shown(self.least_text), _shown(self.greatest_text)

    @property
    def mean(self) -> float | None:
        """The mean of a column of numbers."""
        filled = self.cells - self.nulls
        if self.kind not in _NUMERIC or not filled:
            return None
        mean = (self.whole_sum + self.broken_sum) / filled
        return mean if math.isfinite(mean) else None

    def _fold(self) -> None:
        texts = self._texts
        self.cells += texts.total()
        for null in NULLS:
            self.nulls += texts.pop(null, 0)
        if not texts:
            return
        if self.sketch is not None:
            self.sketch.add(texts)
        self._distinct = len(texts)
        least, greatest = min(texts), max(texts)
        if self.least_text is None or least < self.least_text:
            self.least_text = least
        if self.greatest_text is None or greatest > self.greatest_text:
            self.greatest_text = greatest
        if Kind.TEXT not in self.kinds:  # else there is nothing left to learn of single cells
            self._fold_values()
        texts.clear()

    def _fold_values(self) -> None:
        for text, times in self._texts.items():
            kind, value = classify(text)
            self.kinds.add(kind)
            if value is None:
                continue
            self.least = min(self.least, value)
            self.greatest = max(self.greatest, value)
            if kind is Kind.INTEGER:
                self.whole_sum += int(value) * times
            else:
                self.broken_sum += value * times


def _shown(text: str | None) -> str | None:
    if text is None or len(text) <= LONGEST_SHOWN:
        return text
    return text[: LONGEST_SHOWN - 1] + "…"
