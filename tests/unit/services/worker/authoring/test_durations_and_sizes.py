"""Durations and sizes as authors write them."""

import pytest

from services.worker.authoring.durations import seconds, size_in_bytes


@pytest.mark.parametrize(
    ("written", "meant"),
    [("200ms", 0.2), ("2s", 2), ("1.5s", 1.5), ("55m", 3300), ("1h", 3600), ("2d", 172_800)],
)
def test_a_duration_with_a_unit_is_seconds(written: str, meant: float) -> None:
    assert seconds(written) == pytest.approx(meant)


def test_a_number_is_seconds_already() -> None:
    assert (seconds(30), seconds(0.5)) == (30.0, 0.5)


@pytest.mark.parametrize("wrong", ["", "5", "5 parsecs", "-1s", "1h30m", -1, float("nan"), True])
def test_anything_else_is_refused_with_examples(wrong: str | float) -> None:
    with pytest.raises(ValueError, match='a duration is "200ms"'):
        seconds(wrong)


@pytest.mark.parametrize("endless", [float("inf"), 1e30, "4000d", "9" * 400 + "s"])
def test_a_duration_beyond_ten_years_is_refused(endless: str | float) -> None:
    assert seconds("3650d") == 3_650 * 86_400
    with pytest.raises(ValueError, match="at most ten years"):
        seconds(endless)


def test_sizes_are_bytes() -> None:
    assert (size_in_bytes("512MiB"), size_in_bytes(10)) == (512 * 2**20, 10)


@pytest.mark.parametrize("wrong", ["512", "1MB", 0, -1, "0MiB"])
def test_a_wrong_size_is_refused(wrong: str | int) -> None:
    with pytest.raises(ValueError, match="a size is"):
        size_in_bytes(wrong)
