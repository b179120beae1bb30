"""The schemas of answers about who may do what, and who did, for the OpenAPI document."""

from services.gateway.credentials import Scope
from services.gateway.openapi.schemas import (
    FLAG,
    ID,
    MAYBE_TIME,
    TEXT,
    TIME,
    Schema,
    a_request,
    an_object_of,
    ref,
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
        "AuditEntry": an_object_of(
            {
                "id": ID,
                "at": TIME,
                "tenant": {"type": ["string", "null"], "description": "null: the whole house."},
                "by": TEXT,
                "action": {**TEXT, "description": "<noun>.<verb>, such as job.cancel."},
                "target": TEXT,
                "reason": {"type": ["string", "null"]},
            }
        ),
        "AuditPage": an_object_of(
            {
                "data": {"type": "array", "items": ref("AuditEntry")},
                "page": an_object_of({"next": {"type": ["string", "null"]}, "has_more": FLAG}),
            }
        ),
    }


def _of_keys() -> dict[str, Schema]:
    key: dict[str, Schema] = {
        "id": TEXT,
        "tenant": {**_TENANT, "description": '"*": a platform key.'},
        "scopes": _SCOPES,
        "name": TEXT,
        "state": {"enum": ["active", "expired", "revoked"]},
        "source": {"enum": ["store", "file"], "description": "file: WAYMARK_KEYS_FILE."},
        "created_at": MAYBE_TIME,
        "created_by": {"type": ["string", "null"]},
        "expires_at": MAYBE_TIME,
        "rotated_at": MAYBE_TIME,
        "old_secret_until": MAYBE_TIME,
        "revoked_at": MAYBE_TIME,
        "last_used_at": {**MAYBE_TIME, "description": "To about ten seconds."},
    }
    page = an_object_of({"next": {"type": ["string", "null"]}, "has_more": FLAG})
    text: Schema = {**TEXT, "description": "wm_<id>_<secret>; it is shown this once."}
    overlap: Schema = {
        "type": ["number", "null"],
        "minimum": 0,
        "maximum": LONGEST_OVERLAP_SECONDS,
        "default": DEFAULT_OVERLAP_SECONDS,
    }
    return {
        "ApiKeyRequest": a_request(
            {
                "tenant": _TENANT,
                "scopes": {**_SCOPES, "minItems": 1},
                "name": {"type": ["string", "null"], "maxLength": LONGEST_NAME},
                "expires_at": MAYBE_TIME,
            },
            "tenant",
            "scopes",
            example={"tenant": "acme", "scopes": ["submit", "read"], "name": "billing"},
        ),
        "ApiKeyRotation": a_request(
            {"overlap_seconds": overlap, "reason": _REASON},
            example={"overlap_seconds": 3600, "reason": "the yearly rotation"},
        ),
        "ApiKeyRevocation": a_request({"reason": _REASON}, example={"reason": "it leaked"}),
        "ApiKey": an_object_of(key),
        "NewApiKey": an_object_of({**key, "key": text}),
        "ApiKeyPage": an_object_of(
            {"data": {"type": "array", "items": ref("ApiKey")}, "page": page}
        ),
    }
