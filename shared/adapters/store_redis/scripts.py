"""The Lua scripts: read, given the table of legal transitions, named by their hash.

A script is `senses.lua`, `prelude.lua`, the parts its line `-- uses: …` names, and its own file.
"""

import hashlib
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Final

from shared.contracts.lifecycle import TRANSITIONS, State

Source = Callable[[str], str]

# In the scores of the index of states: never to be numbered anew, 8 and above is final.
RANKS: Final[Mapping[State, int]] = {
    State.SCHEDULED: 0,
    State.BLOCKED: 1,
    State.QUEUED: 2,
    State.RUNNING: 3,
    State.RETRYING: 4,
    State.SUCCEEDED: 8,
    State.FAILED: 9,
    State.CANCELLED: 10,
    State.EXPIRED: 11,
}
FIRST_FINAL: Final = 8

_BEFORE_ALL: Final = ("senses", "prelude")
_PARTS: Final = frozenset(
    {
        *_BEFORE_ALL,
        "attempt",
        "bound",
        "campaign",
        "claim_missing",
        "describing",
        "forgotten",
        "gathering",
        "letters",
        "look",
        "message",
        "move",
        "redriving",
        "settle",
        "submitting",
    }
)
_READING: Final = {
    "count_dead_letters",
    "list_campaigns",
    "list_dead_letters",
    "list_jobs",
    "locate",
    "read",
    "read_campaign",
    "read_feed",
    "survey_dead_letters",
    "survey_outbox",
    "survey_queues",
}
_REFUSED_WHEN_FULL: Final = {
    "progress",
    "submit",
    "submit_many",
}  # the rest must work when memory has run out
_WORD: Final = re.compile(r"\w+")
_HEAD: Final = re.compile(r"local (?:function )?([\w, ]+)")
_DEFINITION: Final = re.compile(r"local |--|  |end$|}$|\)$|$")  # at the beginning of a line
_USES: Final = re.compile(r"^-- uses: (.*)$", re.MULTILINE)


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


def render(name: str, *, source: Source = packaged) -> Script:
    """Put a script together.

    Args:
        name: of its file.
        source: gives the text of a Lua file; tests put theirs in place of some: to hold the time,
            and to see whether they would notice a fault.
    """
    own = source(name)
    used = _USES.search(own)
    parts = (*_BEFORE_ALL, *(used[1].split() if used else ()))
    needed = _needed("\n\n".join(source(part).strip() for part in parts), own)
    text = f"{_shebang(name)}{_lifecycle(needed)}{needed}"
    return Script(name, text, hashlib.sha1(text.encode(), usedforsecurity=False).hexdigest())


def render_all(source: Source = packaged) -> Mapping[str, Script]:
    """Put all scripts together, by name."""
    return {name: render(name, source=source) for name in names()}


def _shebang(name: str) -> str:
    if name in _READING:
        return "#!lua flags=no-writes\n"
    return "#!lua\n" if name in _REFUSED_WHEN_FULL else "#!lua flags=allow-oom\n"


def _needed(library: str, script: str) -> str:
    """Leave out the definitions that a script does not use: Redis makes all of them every time.

    A paragraph of the library that only defines names stays where one of them is used.
    """
    paragraphs = library.split("\n\n")
    kept = {number for number, one in enumerate(paragraphs) if not _only_defines(one)}
    while True:
        text = "\n\n".join([*(paragraphs[number] for number in sorted(kept)), script])
        words = set(_WORD.findall(text))
        more = {
            number
            for number, one in enumerate(paragraphs)
            if number not in kept and not words.isdisjoint(_defined(one))
        }
        if not more:
            return text
        kept |= more


def _only_defines(paragraph: str) -> bool:
    return all(_DEFINITION.match(line) for line in paragraph.splitlines())


def _defined(paragraph: str) -> set[str]:
    heads = (_HEAD.match(line) for line in paragraph.splitlines())
    return {name for head in heads if head for name in _WORD.findall(head[1])}


def _lifecycle(text: str) -> str:
    """Return the transition table as Lua: next_state("<state> <event>"), and rank(state).

    Only the arrows of events that the script speaks of. Functions and no tables: Redis would fill
    those anew every time.
    """
    lines = []
    if "next_state(" in text:
        arrows = {
            f"{state or ''} {event}": to
            for state, events in TRANSITIONS.items()
            for event, to in events.items()
            if f"'{event}'" in text
        }
        lines.append(_choice("next_state", {key: f"'{to}'" for key, to in arrows.items()}))
    if "rank(" in text:
        lines.append(_choice("rank", {state: str(rank) for state, rank in RANKS.items()}))
    if "FIRST_FINAL" in text:
        lines.append(f"local FIRST_FINAL = {FIRST_FINAL}\n")
    return "".join(lines)


def _choice(name: str, answers: Mapping[str, str]) -> str:
    """Return a Lua function of a text; nil for any other than these."""
    cases = "".join(f"  if it == '{it}' then return {to} end\n" for it, to in answers.items())
    return f"local function {name}(it)\n{cases}end\n"
