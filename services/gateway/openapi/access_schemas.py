"""The schemas of answers about who may do what, and who did, for the OpenAPI document."""

from services.gateway.credentials import Scope
from services.gateway.openapi.schemas import (
    _FLAG,
    _MAYBE_TIME,
    _TEXT,
    _TIME,
    ID,
    Schema,
    _object,
    _ref,
    _request,
)
from services.gateway.requests.keys import (
    DEFAULT_OVERLAP_SECONDS,
    LONGEST_NAME,
    LONGEST_OVERLAP_SECONDS,
    LONGEST_REASON,
)

_TENANT: Schema = {"type": "string", "pattern": r"^(\*|[a-z0-9-]{1,63})$"}
_REASON: Schema = {"type": ["string", "null"], "maxLength": LONGEST_REASON}
_SCOPES: Schema = {"type": "array", "items": {"enum": [scope.value for scope in Scope]}}


def named() -> dict[str, Schema]:
    """Return every schema by its name."""
    return {
        **_of_keys(),
        "AuditEntry": _object(
            {
                "id": ID,
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


def _of_keys() -> dict[str, Schema]:
    key: dict[str, Schema] = {
        "id": _TEXT,
        "tenant": {**_TENANT, "description": '"*": a platform key.'},
        "scopes": _SCOPES,
        "name": _TEXT,
        "state": {"enum": ["active", "expired", "revoked"]},
        "source": {"enum": ["store", "file"], "description": "file: WAYMARK_KEYS_FILE."},
        "created_at": _MAYBE_TIME,
        "created_by": {"type": ["string", "null"]},
        "expires_at": _MAYBE_TIME,
        "rotated_at": _MAYBE_TIME,
        "old_secret_until": _MAYBE_TIME,
        "revoked_at": _MAYBE_TIME,
        "last_used_at": {**_MAYBE_TIME, "description": "To about ten seconds."},
    }
    page = _object({"next": {"type": ["string", "null"]}, "has_more": _FLAG})
    text: Schema = {**_TEXT, "description": "wm_<id>_<secret>; it is shown this once."}
    overlap: Schema = {
        "type": ["number", "null"],
        "minimum": 0,
        "maximum": LONGEST_OVERLAP_SECONDS,
        "default": DEFAULT_OVERLAP_SECONDS,
    }
    return {
        "ApiKeyRequest": _request(
            {
                "tenant": _TENANT,
                "scopes": {**_SCOPES, "minItems": 1},
                "name": {"type": ["string", "null"], "maxLength": LONGEST_NAME},
                "expires_at": _MAYBE_TIME,
            },
            "tenant",
            "scopes",
            example={"tenant": "acme", "scopes": ["submit", "read"], "name": "billing"},
        ),
        "ApiKeyRotation": _request(
            {"overlap_seconds": overlap, "reason": _REASON},
            example={"overlap_seconds": 3600, "reason": "the yearly rotation"},
        ),
        "ApiKeyRevocation": _request({"reason": _REASON}, example={"reason": "it leaked"}),
        "ApiKey": _object(key),
        "NewApiKey": _object({**key, "key": text}),
        "ApiKeyPage": _object({"data": {"type": "array", "items": _ref("ApiKey")}, "page": page}),
    }
