"""The children of a metric, each looked up by its labels once: that costs more than to count."""

from typing import Generic, Protocol, TypeVar

C_co = TypeVar("C_co", covariant=True)
C = TypeVar("C")


class Family(Protocol[C_co]):
    """A metric with labels."""

    def labels(self, *labelvalues: str) -> C_co:
        """Return the child with these."""


class Children(dict[tuple[str, ...], C], Generic[C]):
    """`children[labels]`; made at the first look, so that labels have to be of closed sets."""

    def __init__(self, family: Family[C]) -> None:
        """Of `family`."""
        super().__init__()
        self._family = family

    def __missing__(self, labels: tuple[str, ...]) -> C:
        """Make it."""
        child = self[labels] = self._family.labels(*labels)
        return child
