"""What the API says of queues and of workers."""

from typing import Final

from services.gateway.openapi import headers
from services.gateway.openapi.document import answer, operation

LIST_QUEUES: Final = operation(
    (200, answer("Every queue, by name.", "Queues")), tenant=headers.ONE_TENANT
)
READ_QUEUE: Final = operation((200, answer("The queue.", "Queue")), tenant=headers.ONE_TENANT)
PAUSE: Final = operation(
    (200, answer("It is paused; by whom and why it was first, if it was already.", "Queue")),
    body="PauseRequest",
)
RESUME: Final = operation(
    (200, answer("It goes on, or went on already.", "Queue")),
    body="ResumeRequest",
    body_required=False,
)
LIST_WORKERS: Final = operation((200, answer("Every live worker.", "Workers")))
