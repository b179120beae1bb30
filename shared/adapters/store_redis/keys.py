"""Where everything lies in Redis. All keys of one tenant share one slot of a cluster."""

from functools import lru_cache
from typing import Final

TENANTS: Final = "wm:tenants"
CATALOG: Final = "wm:catalog"
WORKERS: Final = "wm:workers"
PAUSED: Final = "wm:paused"
AUDIT: Final = "wm:audit"
KEYS: Final = "wm:keys"
KEYS_USED: Final = "wm:keys:used"
_TENANTS_KNOWN: Final = 1024  # at a time


def prefix(tenant: str) -> str:
    """Return what every key of a tenant begins with."""
    return f"wm:{{{tenant}}}:"


def tenant_of(key: str) -> str:
    """Return the tenant that a key belongs to."""
    return key.partition("{")[2].partition("}")[0]


def events_channel(tenant: str) -> str:
    """Return the sharded channel of a tenant's events."""
    return f"{prefix(tenant)}events"


def worker_channel(worker: str) -> str:
    """Return the channel on which a worker hears the ids of jobs to cancel."""
    return f"wm:worker:{worker}"


def audit(tenant: str) -> str:
    """Return the stream of what operators did to a tenant's jobs and keys."""
    return f"{prefix(tenant)}audit"


def bucket(tenant: str, name: str) -> str:
    """Return the key of a tenant's token bucket; `name` tells it from the tenant's others."""
    return f"{prefix(tenant)}bucket:{name}"


def duty(name: str) -> str:
    """Return the key of the lease of a house-wide duty."""
    return f"wm:duty:{name}"


@lru_cache(maxsize=_TENANTS_KNOWN)
def of_tenant(tenant: str) -> tuple[str, ...]:
    """Return the keys that every script of a tenant gets, in the order of `prelude.lua`."""
    start = prefix(tenant)
    return tuple(start + name for name in ("meta", "outbox", "leases", "due", "jobs"))


def of_job(tenant: str, job: str) -> tuple[str, ...]:
    """Return the keys that a script about one job gets, in the order of `prelude.lua`."""
    start = prefix(tenant)
    own = (f"{start}{name}:{job}" for name in ("job", "steps", "attempts", "tomb"))
    return (*of_tenant(tenant), *own)


def idempotency(tenant: str, hash_: str) -> str:
    """Return the key that binds an Idempotency-Key to its job."""
    return f"{prefix(tenant)}idem:{hash_}"
