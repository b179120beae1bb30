"""A module's name says what is in it; each service has the same front door."""

import pytest

from tests.architecture.sources import REPO, modules, name_of

VAGUE = {"utils", "util", "helpers", "helper", "common", "misc", "base", "core", "manager", "lib"}
VAGUE |= {"data", "info"}
FRONT_DOOR = ("__main__.py", "settings.py", "wiring.py", "metrics.py")


def test_no_module_has_a_name_that_says_nothing() -> None:
    vague = [
        name_of(file)
        for file in modules()
        if VAGUE & {word for part in file.relative_to(REPO).parts for word in _words(part)}
    ]

    assert not vague


@pytest.mark.parametrize("service", ["gateway", "worker", "notifier"])
def test_each_service_has_the_same_front_door(service: str) -> None:
    folder = REPO / "services" / service
    if not (folder / "__main__.py").exists():
        pytest.skip(f"{service} is not built yet")

    assert [name for name in FRONT_DOOR if not (folder / name).exists()] == []


def _words(part: str) -> list[str]:
    return part.removesuffix(".py").split("_")


def test_each_decision_has_a_number_of_its_own() -> None:
    numbers = sorted(int(path.name[:4]) for path in (REPO / "docs" / "decisions").glob("[0-9]*.md"))

    assert numbers == list(range(1, len(numbers) + 1))
