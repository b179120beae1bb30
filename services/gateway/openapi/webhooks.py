"""What the API says of webhooks."""

from typing import Final

from services.gateway.openapi.document import answer, operation
from services.gateway.openapi.schemas import Schema, _object

READ_SECRET: Final = operation(
    (200, answer("The tenant's signing secrets.", "WebhookSecret")),
    errors=("webhooks-not-configured",),
)


def named() -> dict[str, Schema]:
    """Return every schema by its name."""
    secret: Schema = {"type": "string", "pattern": "^whsec_[A-Za-z0-9+/]+=*$"}
    previous = "Older ones; while a rotation lasts, every webhook is signed with these too."
    return {
        "WebhookSecret": _object(
            {
                "secret": {**secret, "description": "What Standard Webhooks libraries take."},
                "previous": {"type": "array", "items": secret, "description": previous},
            }
        )
    }
