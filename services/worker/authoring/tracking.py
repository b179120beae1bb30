"""`track()`: progress for whatever is looped over."""

from collections.abc import Iterable, Iterator, Sized
from typing import Protocol, TypeVar, runtime_checkable

from services.worker.authoring.context import current
from services.worker.authoring.progress import Number

T = TypeVar("T")


@runtime_checkable
class Positioned(Protocol):
    """Something whose items are of unlike size: `position` of `size` (bytes, say) are done."""

    @property
    def position(self) -> int:
        """How much has been read."""

    @property
    def size(self) -> int:
        """How much there is."""


def track(iterable: Iterable[T], message: str = "", total: Number | None = None) -> Iterator[T]:
    """Yield from `iterable` and report the progress: each item counts once its turn is over.

    The total is `total`, or the iterable's length where it has one; a `Positioned` iterable
    reports its own position instead of counting. Every item is a cancellation point.
    """
    attempt = current()
    if total is None and isinstance(iterable, Positioned):
        yield from _by_position(iterable, message)
        return
    if total is None and isinstance(iterable, Sized):
        total = len(iterable)
    report = attempt.progress
    done = 0
    report(done, total, message)
    for item in iterable:
        yield item
        done += 1
        report(done, total, message)


def _by_position(iterable: Iterable[T], message: str) -> Iterator[T]:
    assert isinstance(iterable, Positioned)  # noqa: S101 - says so to the type checker
    report = current().progress
    report(iterable.position, iterable.size, message)
    for item in iterable:
        yield item
        report(iterable.position, iterable.size, message)
