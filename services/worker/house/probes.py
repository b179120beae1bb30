"""When the worker counts as alive, and when as ready."""

import time
from collections.abc import Callable, Mapping
from typing import Final

from services.worker.house.crew import Crew
from services.worker.intake.gate import Intake
from services.worker.slots.terms import Slots
from shared.runtime.probes import Probe

SILENT_SECONDS: Final = 60.0  # longer than connecting to a broker that does not answer


def live(
    crew: Crew, slots: Slots, *, monotonic: Callable[[], float] = time.monotonic
) -> Mapping[str, Probe]:
    """Return what must hold in a live worker; who cannot be reached plays no part.

    That the house loop answers at all is its own proof.
    """

    def consumers() -> str | None:
        oldest = monotonic() - SILENT_SECONDS
        stuck = [thread.queue_name for thread in crew.intakers if thread.ticked_at < oldest]
        dead = [thread.queue_name for thread in crew.intakers if not thread.is_alive()]
        return f"not ticking: {', '.join(stuck + dead)}" if stuck or dead else None

    def slot_threads() -> str | None:
        dead = sum(not thread.is_alive() for thread in crew.workers)
        return f"{dead} ended" if dead else None

    def zygote() -> str | None:
        return None if slots.alive and not crew.broken.is_set() else "does not answer"

    return {"consumers": consumers, "slots": slot_threads, "zygote": zygote}


def ready(crew: Crew, intake: Intake, eviction: Probe) -> Mapping[str, Probe]:
    """Return what must hold in a ready worker; `eviction` says why the store is unfit.

    With an unfit store it goes on taking jobs: they are accepted, and waiting saves none.
    """

    def rabbitmq() -> str | None:
        silent = crew.silent_consumers
        return f"not consuming: {', '.join(silent)}" if silent or not crew.consumers else None

    def redis() -> str | None:
        return "does not answer" if intake.store_away else None

    def draining() -> str | None:
        return "draining" if intake.draining else None

    return {"rabbitmq": rabbitmq, "redis": redis, "eviction": eviction, "drain": draining}
