"""What operators did: one entry an action, kept apart from the jobs it was done to."""

import msgspec


class AuditEntry(msgspec.Struct, frozen=True, kw_only=True):
    """One action, after it was done. `at` in ms since the epoch; `tenant` None: the whole house."""

    id: str
    at: int
    tenant: str | None
    by: str
    action: str
    target: str
    reason: str | None = None
