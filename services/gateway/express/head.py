"""The headers of a request, each decoded when it is asked for.

Of one that comes twice the first counts, as everywhere.
"""

from collections.abc import Iterator, Mapping, Sequence
from collections.abc import Set as AbstractSet
from typing import Any

from services.gateway.express.front import RawHeader


class Head(Mapping[str, str]):
    """Headers by their name in lower case."""

    def __init__(self, raw: Sequence[RawHeader]) -> None:
        """Keep them as they came; their names are in lower case already."""
        self._raw = dict(reversed(raw))
        self._all = raw

    def has_any(self, names: AbstractSet[bytes]) -> bool:
        """Whether one of these is there."""
        return not self._raw.keys().isdisjoint(names)

    def get(self, name: str, default: Any = None) -> Any:  # noqa: ANN401 - as in Mapping
        """Return the text of a header, or the default."""
        text = self._raw.get(name.encode())
        return default if text is None else text.decode("latin-1")

    def getlist(self, name: str) -> list[str]:
        """Return the text of each that has this name."""
        wanted = name.encode()
        return [text.decode("latin-1") for header, text in self._all if header == wanted]

    def __getitem__(self, name: str) -> str:
        """Return the text of a header."""
        return self._raw[name.encode()].decode("latin-1")

    def __contains__(self, name: object) -> bool:
        """Whether it is there."""
        return isinstance(name, str) and name.encode() in self._raw

    def __iter__(self) -> Iterator[str]:
        """Go through the names."""
        return (name.decode("latin-1") for name in self._raw)

    def __len__(self) -> int:
        """Count them."""
        return len(self._raw)
