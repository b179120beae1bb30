"""A whole worker: starts its parts in order, watches over them, stops them in order."""

import socket
from dataclasses import dataclass
from typing import Final, Protocol

import structlog
from starlette.applications import Starlette

from services.worker.drain import Patience, drain
from services.worker.heartbeat import Pulse
from services.worker.house import probes
from services.worker.house.crew import Crew
from services.worker.house.loop import HouseLoop
from services.worker.house.residents import Residents
from services.worker.house.shutdown import Shutdown
from services.worker.intake.gate import Intake
from services.worker.metrics import WorkerMetrics
from services.worker.settings import WorkerSettings
from services.worker.slots.terms import Slots
from shared.runtime.probes import Probe, routes
from shared.runtime.tracing.exporting import SpanExport

BOOT_SECONDS: Final = 15.0
CLOSE_SECONDS: Final = 15.0
JOIN_MS: Final = 2_000
LOOK_SECONDS: Final = 0.5  # how late it is noticed that the worker cannot go on

log = structlog.get_logger()


class Closes(Protocol):
    """Something with connections."""

    def close(self) -> None:
        """Let go of them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class House:
    """One worker process. `start`, then `stay` until told to stop, then `stop`."""

    settings: WorkerSettings
    crew: Crew
    slots: Slots
    intake: Intake
    loop: HouseLoop
    residents: Residents
    pulse: Pulse
    store: Closes
    eviction: Probe
    metrics: WorkerMetrics
    spans: SpanExport | None = None

    def start(self, listener: socket.socket) -> None:
        """Start everything; waits for neither Redis nor RabbitMQ. `listener` is the probes'."""
        if self.spans is not None:
            self.spans.start()
        self.intake.store_failed()  # closed until the store has answered once
        self.loop.start()
        self.loop.call(self.residents.move_in(self._app(), listener), within=BOOT_SECONDS)
        self.crew.start()
        log.info("worker_started", slots=self.settings.slots, queues=list(self.crew.consumers))

    def stay(self, shutdown: Shutdown) -> bool:
        """Return when the worker has to stop; False when it cannot go on."""
        while not shutdown.asked.wait(LOOK_SECONDS):
            if self.crew.broken.is_set() or not self.slots.alive:
                log.critical("worker_cannot_go_on", zygote_alive=self.slots.alive)
                return False
        return True

    def stop(self, shutdown: Shutdown, *, in_order: bool) -> None:
        """Drain, then take everything down. Not `in_order`: nothing is waited for."""
        seconds = self.settings.drain_seconds if in_order else 0.0
        drain(
            self.crew,
            self.intake,
            lambda: self.pulse.attempts,
            Patience(seconds=seconds, hurried=shutdown.hurried.is_set),
        )
        self.crew.stop(timeout=JOIN_MS)
        self.slots.close()
        try:
            self.loop.call(self.residents.move_out(), within=CLOSE_SECONDS)
        except TimeoutError:
            log.warning("house_did_not_close")
        self.loop.stop()
        self.store.close()
        if self.spans is not None:
            self.spans.close()
        log.info("worker_stopped", in_order=in_order)

    def _app(self) -> Starlette:
        return Starlette(
            routes=routes(
                live=probes.live(self.crew, self.slots),
                ready=probes.ready(self.crew, self.intake, self.eviction),
                registry=self.metrics.registry,
            )
        )
