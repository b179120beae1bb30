"""The worker, for those who write jobs: the authoring API and nothing else."""

from services.worker.authoring.context import Current, current
from services.worker.authoring.errors import Cancelled, Fail, Retry, Shutdown, SoftTimeLimit
from services.worker.authoring.registry import job
from services.worker.authoring.tracking import track

__all__ = [
    "Cancelled",
    "Current",
    "Fail",
    "Retry",
    "Shutdown",
    "SoftTimeLimit",
    "current",
    "job",
    "track",
]
