"""What the documents tell people to type."""

import re
import shlex
from collections.abc import Iterator

_SPAN = re.compile(r"`([^`\n]+)`")
_BLOCK = re.compile(r"^```\w*\n(.*?)^```", re.MULTILINE | re.DOTALL)
_BEFORE = r"^(?:[A-Z_]+=\S+ |docker compose exec \S+ |\./)*"
_PLACE = re.compile(r"<[\w-]+>")
_ENDS = frozenset({"|", ">", "&&", ";"})


def commands(text: str, program: str) -> Iterator[tuple[str, ...]]:
    """Yield the words after each call of `program`; what a reader fills in is `1`."""
    for line in _lines(text):
        if call := re.match(rf"{_BEFORE}{program} (.+)", line):
            words = shlex.split(_PLACE.sub("1", call[1]).replace("…", "1"), comments=True)
            end = next((at for at, word in enumerate(words) if word in _ENDS), len(words))
            yield tuple(words[:end])


def _lines(text: str) -> Iterator[str]:
    yield from _SPAN.findall(_BLOCK.sub("", text))
    for block in _BLOCK.findall(text):
        yield from (line.strip() for line in block.replace("\\\n", " ").splitlines())
