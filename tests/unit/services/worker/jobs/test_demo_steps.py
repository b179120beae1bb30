"""demo.steps fails as ordered, and only then. (Its crashes are tested in a slot.)"""

from collections.abc import Iterator

import pytest

from services.worker import Current
from services.worker.authoring.context import occupy_thread
from services.worker.authoring.progress import Number
from services.worker.jobs.demo_steps import StepsDone, StumbledError, steps


class Attempt(Current):
    def __init__(self, number: int) -> None:
        self.number = number
        self.told: list[Number] = []

    @property
    def attempt(self) -> int:
        return self.number

    def progress(self, current: Number, total: Number | None = None, message: str = "") -> None:
        self.told.append(current)


@pytest.fixture
def second() -> Iterator[Attempt]:
    attempt = Attempt(2)
    occupy_thread(attempt)
    yield attempt
    occupy_thread(None)


def test_called_directly_it_makes_its_steps() -> None:
    assert steps(3, 0) == StepsDone(steps=3, attempt=1)


def test_an_attempt_that_must_fail_does_so_half_way(second: Attempt) -> None:
    with pytest.raises(StumbledError, match="attempt 2 fails"):
        steps(10, 0, fail_times=2)

    assert second.told[-1] == 5


def test_the_next_attempt_succeeds(second: Attempt) -> None:
    assert steps(10, 0, fail_times=1) == StepsDone(steps=10, attempt=2)
    assert second.told == list(range(11))
