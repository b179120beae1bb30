"""What the routes work with; built in `wiring.py`, and by tests with fakes."""

from dataclasses import dataclass

from services.gateway.access import TokenDesk
from services.gateway.audit.trail import AuditTrail
from services.gateway.catalogue import Catalogue
from services.gateway.gate import Gate
from services.gateway.keys.office import KeyOffice
from services.gateway.metrics import Metrics
from services.gateway.queues.desk import QueueDesk
from services.gateway.redrive import Redriving
from services.gateway.render import Renderer
from services.gateway.submit import Submission
from services.gateway.tracing import Tracing
from services.gateway.waiting import Waiting
from services.gateway.webhooks.desk import WebhookDesk
from shared.ports import AsyncJobStore, AuditLog


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Sizes in bytes."""

    body: int
    bulk_body: int
    payload: int
    labels: int
    concurrent_requests: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Parts:
    """The gateway without its HTTP."""

    gate: Gate
    store: AsyncJobStore
    submission: Submission
    waiting: Waiting
    redriving: Redriving
    audit: AuditTrail
    audit_log: AuditLog
    keys: KeyOffice
    catalogue: Catalogue
    queues: QueueDesk
    renderer: Renderer
    desk: TokenDesk
    webhooks: WebhookDesk
    metrics: Metrics
    tracing: Tracing
    limits: Limits
