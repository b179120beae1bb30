"""What the API says of the audit log."""

from typing import Any, Final

from services.gateway.audit.reading import LONGEST_WORD
from services.gateway.openapi.document import CURSOR, LIMIT, Extra, answer, operation


def _query(name: str, description: str, **schema: Any) -> Extra:  # noqa: ANN401 - JSON Schema
    return {"name": name, "in": "query", "description": description, "schema": schema}


_WORD: Final = {"type": "string", "maxLength": LONGEST_WORD}

LIST_ENTRIES: Final = operation(
    (200, answer("A page, newest first.", "AuditPage", "Link")),
    parameters=(
        _query("action", "Only this: job.cancel, key.revoke …", **_WORD),
        _query("by", "Only what this caller did: key:<id>.", **_WORD),
        _query("target", "Only what was done to this: a job's id, a queue …", **_WORD),
        CURSOR,
        LIMIT,
    ),
)
