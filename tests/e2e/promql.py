"""What a query of PromQL asks for: its selectors. No parser: enough for queries that are valid."""

import re
from dataclasses import dataclass

_STRING = r'"(?:[^"\\]|\\.)*"'
_BRACES = rf"\{{(?:[^{{}}\"]|{_STRING})*\}}"
_SELECTOR = re.compile(
    rf"(?<![\w:.$])(?P<name>[a-zA-Z_:][\w:]*)?\s*(?P<braces>{_BRACES})?(?P<call>\s*\()?"
)
_LABEL_LISTS = re.compile(r"\b(?:by|without|on|ignoring|group_left|group_right)\s*\([^()]*\)")
_WORDS = frozenset(
    {"and", "or", "unless", "bool", "offset", "inf", "nan", "by", "without", "on", "ignoring"}
    | {"group_left", "group_right"}
)
_LABEL = re.compile(rf"(\w+)\s*(=~|!~|!=|=)\s*({_STRING})")


@dataclass(frozen=True)
class Selector:
    """`name{matchers}`; the name is empty where it stands among the matchers."""

    name: str
    matchers: str

    def __str__(self) -> str:
        return f"{self.name}{self.matchers}"

    @property
    def names(self) -> str:
        """The metric's name, or the pattern that its name must match."""
        said = {label: value for label, _, value in _LABEL.findall(self.matchers)}
        return self.name or said["__name__"].strip('"')

    @property
    def labels(self) -> set[str]:
        """The labels it looks at."""
        return {label for label, _, _ in _LABEL.findall(self.matchers)} - {"__name__"}


def selectors(query: str) -> set[Selector]:
    """Return what a query asks for."""
    plain = _LABEL_LISTS.sub(" ", query)
    found = set()
    for each in _SELECTOR.finditer(_without_strings_outside_braces(plain)):
        name, braces = each["name"] or "", each["braces"] or ""
        if (name or braces) and not (each["call"] and not braces) and name not in _WORDS:
            found.add(Selector(name, braces))
    return found


def _without_strings_outside_braces(query: str) -> str:
    """Take out the arguments of label_replace and its like."""
    return re.sub(rf"{_BRACES}|{_STRING}", lambda m: m[0] if m[0].startswith("{") else " ", query)
