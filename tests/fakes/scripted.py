"""A store and a publisher that answer what a test tells them to, and remember what was asked."""

from collections import defaultdict
from collections.abc import Callable
from typing import Any, TypeVar, cast

from shared.contracts.commands import RunJob
from shared.contracts.operations import Operation

A = TypeVar("A")
YES, NO = True, False


class ScriptedStore:
    """Answers operations by their class; the last answer repeats, an exception is raised."""

    def __init__(self) -> None:
        self.asked: list[Operation[Any]] = []
        self._answers: dict[str, list[Any]] = defaultdict(list)

    def answer(self, operation: type[Operation[Any]], *answers: Any) -> None:
        self._answers[operation.__name__] = list(answers)

    def do(self, operation: Operation[A]) -> A:
        self.asked.append(operation)
        answers = self._answers[type(operation).__name__]
        if not answers:
            raise AssertionError(f"no answer for {operation}")
        answer = answers.pop(0) if len(answers) > 1 else answers[0]
        if callable(answer):
            answer = answer()
        if isinstance(answer, Exception):
            raise answer
        return cast("A", answer)

    def of(self, operation: type[Operation[Any]]) -> list[Any]:
        return [asked for asked in self.asked if isinstance(asked, operation)]


class ScriptedPublisher:
    """Confirms, after failing as told; `sent` has what was confirmed, with its delay (ms)."""

    def __init__(self) -> None:
        self.failures: list[Exception] = []
        self.sent: list[tuple[RunJob, int]] = []
        self.tries = 0
        self.before: Callable[[], None] = lambda: None

    def publish(self, message: RunJob) -> None:
        self.publish_later(message, delay_ms=0)

    def publish_later(self, message: RunJob, *, delay_ms: int) -> None:
        self.tries += 1
        self.before()
        if self.failures:
            failure = self.failures[0]
            if len(self.failures) > 1:
                self.failures.pop(0)
            raise failure
        self.sent.append((message, delay_ms))

    def recover_after(self, *failures: Exception) -> None:
        """Fail once with each, then confirm."""
        left = list(failures)

        def before() -> None:
            self.failures = [left.pop(0)] if left else []

        self.before = before
