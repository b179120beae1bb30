"""The estimate of how many different texts there are."""

import pytest

from services.worker.jobs.tables.sketch import DistinctSketch


@pytest.mark.parametrize("count", [0, 1, 100, 5_000, 20_000, 200_000])
def test_the_estimate_is_within_four_standard_errors(count: int) -> None:
    sketch = DistinctSketch()
    sketch.add(f"text {number}" for number in range(count))

    assert sketch.estimate() == pytest.approx(count, rel=4 * 0.0163)


def test_repeats_change_nothing() -> None:
    sketch = DistinctSketch()
    sketch.add(["a", "b"])
    before = sketch.estimate()
    sketch.add(["b", "a", "a"])

    assert sketch.estimate() == before == 2
