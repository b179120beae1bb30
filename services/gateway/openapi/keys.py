"""What the API says of API keys."""

from typing import Final

from services.gateway.openapi.document import CURSOR, LIMIT, answer, operation

LIST_KEYS: Final = operation(
    (200, answer("A page, by id.", "ApiKeyPage", "Link")), parameters=(CURSOR, LIMIT)
)
READ_KEY: Final = operation((200, answer("The key, without its secret.", "ApiKey")))
CREATE_KEY: Final = operation(
    (201, answer("The key, and its text for this once.", "NewApiKey", "Location")),
    body="ApiKeyRequest",
    errors=("too-many-keys", "temporarily-unavailable"),
)
ROTATE_KEY: Final = operation(
    (200, answer("The key, and its new text for this once.", "NewApiKey")),
    body="ApiKeyRotation",
    body_required=False,
    errors=("key-in-file", "key-not-active", "too-many-secrets", "temporarily-unavailable"),
)
REVOKE_KEY: Final = operation(
    (200, answer("It is valid no more.", "ApiKey")),
    body="ApiKeyRevocation",
    body_required=False,
    errors=("key-in-file", "temporarily-unavailable"),
)
