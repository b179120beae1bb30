"""The Lua scripts: read, given the table of legal transitions, named by their hash.

A script is `prelude.lua`, the parts its line `-- uses: …` names, and its own file.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final, Literal

from shared.contracts.lifecycle import FINAL_STATES, TRANSITIONS

Clock = Literal["server", "key"]
Source = Callable[[str], str]

_PARTS: Final = {"attempt", "claim_missing", "forgotten", "look", "message", "move", "prelude"} | {
    "settle"
}
_READING: Final = {"list_jobs", "locate", "read"}
_REFUSED_WHEN_FULL: Final = {"progress", "submit"}  # the rest must work when memory has run out
_USES: Final = re.compile(r"^-- uses: (.*)$", re.MULTILINE)
_CLOCKS: Final[Mapping[Clock, str]] = {
    "server": (
        "local function clock()\n"
        "  local t = redis.call('TIME')\n"
        "  return t[1] * 1000 + math.floor(t[2] / 1000)\n"
        "end\n"
    ),
    "key": "local function clock() return tonumber(redis.call('GET', 'wm:test:clock')) end\n",
}


@dataclass(frozen=True, slots=True)
class Script:
    """One script, ready to be loaded; `sha` is the name EVALSHA knows it by."""

    name: str
    text: str
    sha: str


@cache
def packaged(name: str) -> str:
    """Return the text of one of this package's Lua files."""
    return files(__package__).joinpath("lua", f"{name}.lua").read_text("utf-8")


def names() -> tuple[str, ...]:
    """Return the names of all scripts."""
    lua = files(__package__).joinpath("lua")
    found = (entry.name.removesuffix(".lua") for entry in lua.iterdir())
    return tuple(sorted(name for name in found if name not in _PARTS))


def render(name: str, *, clock: Clock = "server", source: Source = packaged) -> Script:
    """Put a script together.

    Args:
        name: of its file.
        clock: "key" reads the time from a key; for tests, which hold it.
        source: gives the text of a Lua file; tests change it to see whether they would notice.
    """
    own = source(name)
    used = _USES.search(own)
    parts = ["prelude", *(used[1].split() if used else ())]
    text = "".join(
        [
            _shebang(name),
            _lifecycle() if "move" in parts else "",
            _CLOCKS[clock],
            *(source(part) for part in parts),
            own,
        ]
    )
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def render_all(*, clock: Clock = "server", source: Source = packaged) -> Mapping[str, Script]:
    """Put all scripts together, by name."""
    return {name: render(name, clock=clock, source=source) for name in names()}


def _shebang(name: str) -> str:
    if name in _READING:
        return "#!lua flags=no-writes\n"
    return "#!lua\n" if name in _REFUSED_WHEN_FULL else "#!lua flags=allow-oom\n"


@cache
def _lifecycle() -> str:
    """Return the transition table as Lua: NEXT["<state> <event>"], and FINAL[state]."""
    arrows = ",".join(
        f"['{state or ''} {event}']='{to}'"
        for state, events in TRANSITIONS.items()
        for event, to in events.items()
    )
    ends = ",".join(f"['{state}']=true" for state in sorted(FINAL_STATES))
    return f"local NEXT = {{{arrows}}}\nlocal FINAL = {{{ends}}}\n"
