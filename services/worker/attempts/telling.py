"""Hands progress and checkpoints of one attempt to the store, thinned out, the latest for sure."""

from collections.abc import Callable
from typing import Final

from services.worker.attempts.attempt import Attempt
from services.worker.slots.terms import Reported, Saved
from shared.contracts.errors import StoreUnavailable
from shared.contracts.operations import Checkpoint, Operation, Progress
from shared.ports import JobStore
from shared.runtime.spells import Spell

PROGRESS_SECONDS: Final = 0.1  # at most ten frames a second of one job (DESIGN, 6)
TROUBLE_SECONDS: Final = 2.0  # how long progress waits after the store did not answer


class Teller:
    """Keeps the latest progress and checkpoint until the store has them; for one thread."""

    def __init__(
        self, store: JobStore, attempt: Attempt, *, monotonic: Callable[[], float]
    ) -> None:
        """Describe it; `monotonic` in seconds."""
        self._store = store
        self._attempt = attempt
        self._monotonic = monotonic
        self._progress: Reported | None = None
        self._checkpoint: Saved | None = None
        self._not_before = 0.0
        self._unheard = Spell("progress_not_stored", "progress_stored_again", monotonic=monotonic)

    def report(self, progress: Reported) -> None:
        """Take the newest progress; an older one not yet told is dropped."""
        self._progress = progress

    def save(self, checkpoint: Saved) -> None:
        """Take the newest checkpoint."""
        self._checkpoint = checkpoint

    @property
    def untold(self) -> str | None:
        """The last progress, when the store has not heard it (JSON text)."""
        return self._progress.progress if self._progress else None

    @property
    def unsaved(self) -> Checkpoint | None:
        """The last checkpoint, when the store does not have it."""
        if self._checkpoint is None:
            return None
        facts = self._attempt
        return Checkpoint(
            tenant=facts.job.tenant, job=facts.job.id, token=facts.token, data=self._checkpoint.data
        )

    def tell(self) -> bool:
        """Tell what is due; False when the attempt has lost its right to write."""
        now = self._monotonic()
        if now < self._not_before:
            return True
        try:
            heard = self._tell_all(now)
        except StoreUnavailable as fault:
            self._not_before = self._monotonic() + TROUBLE_SECONDS
            self._unheard.met(job_id=self._attempt.job.id, why=str(fault))
            return True
        if self._progress is None:
            self._unheard.over(job_id=self._attempt.job.id)
        return heard

    def _tell_all(self, now: float) -> bool:
        checkpoint = self.unsaved
        if checkpoint is not None:
            if not self._store.do(checkpoint):
                return False
            self._checkpoint = None
        progress = self._due_progress()
        if progress is not None:
            if not self._store.do(progress):
                return False
            self._progress = None
            self._not_before = now + PROGRESS_SECONDS
        return True

    def _due_progress(self) -> Operation[bool] | None:
        if self._progress is None:
            return None
        return Progress(
            tenant=self._attempt.job.tenant,
            job=self._attempt.job.id,
            token=self._attempt.token,
            number=self._progress.number,
            progress=self._progress.progress,
        )
