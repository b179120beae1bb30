"""The schemas of answers about who may do what, and who did, for the OpenAPI document."""

from services.gateway.openapi.schemas import _FLAG, _TEXT, _TIME, Schema, _object, _ref


def named() -> dict[str, Schema]:
    """Return every schema by its name."""
    return {
        "AuditEntry": _object(
            {
                "id": {"type": "string", "format": "uuid"},
                "at": _TIME,
                "tenant": {"type": ["string", "null"], "description": "null: the whole house."},
                "by": _TEXT,
                "action": {**_TEXT, "description": "<noun>.<verb>, such as job.cancel."},
                "target": _TEXT,
                "reason": {"type": ["string", "null"]},
            }
        ),
        "AuditPage": _object(
            {
                "data": {"type": "array", "items": _ref("AuditEntry")},
                "page": _object({"next": {"type": ["string", "null"]}, "has_more": _FLAG}),
            }
        ),
    }
