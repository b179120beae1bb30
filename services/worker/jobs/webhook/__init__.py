"""webhook.deliver: tells a stranger's server what happened, signed, until it has heard."""

from services.worker.jobs.webhook.deliver import deliver

__all__ = ["deliver"]
