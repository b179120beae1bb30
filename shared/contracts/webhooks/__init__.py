"""What gateway and worker agree on about webhooks: who may be called, and how calls are signed."""

from typing import Final

DELIVER: Final = "webhook.deliver"  # the job type that sends one
