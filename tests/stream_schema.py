"""Holds frames against the stream's reference document."""

from collections.abc import Mapping
from typing import Any

import jsonschema_rs

from services.notifier.document import document


class StreamSchema:
    """Knows each frame's schema; `seen` are the types that it was shown."""

    def __init__(self) -> None:
        self._components = {"components": document()["components"]}
        self._messages: Mapping[str, Any] = document()["components"]["messages"]
        self.seen: set[str] = set()

    def check(self, frame: Mapping[str, Any]) -> None:
        """Fail when the frame is not what the document says, or has a member it does not name."""
        kind = frame["type"]
        assert kind in self._messages, f"the reference has no {kind}"
        self.seen.add(kind)
        reference = self._messages[kind]["payload"]["$ref"]
        schema = {"$ref": reference, **self._components}
        assert list(jsonschema_rs.iter_errors(schema, frame)) == [], frame
        name = reference.rpartition("/")[2]
        known = self._components["components"]["schemas"][name]["properties"]
        assert frame.keys() <= known.keys(), f"{kind}: {frame.keys() - known.keys()}"
