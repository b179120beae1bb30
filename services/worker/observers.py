"""What looks on while Dramatiq works; nothing here may matter to a job, see `broker.py`."""

import structlog
from dramatiq import Middleware
from dramatiq.broker import Broker, MessageProxy

from services.worker.intake.delivery import Delivery
from services.worker.occupancy import Occupancy
from shared.runtime import job_lines


class LogContext(Middleware):
    """Puts the job's names into every log line of the thread that runs it."""

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """Bind them."""
        del broker
        if isinstance(message, Delivery):
            structlog.contextvars.bind_contextvars(**job_lines.facts_of(message.job))

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: object = None,
        exception: BaseException | None = None,
    ) -> None:
        """Let them go."""
        del broker, message, result, exception
        structlog.contextvars.clear_contextvars()


class SlotGauge(Middleware):
    """Tells which slots have a delivery in hand."""

    def __init__(self, occupancy: Occupancy) -> None:
        """Tell `occupancy`."""
        self._occupancy = occupancy

    def before_process_message(self, broker: Broker, message: MessageProxy) -> None:
        """One more."""
        del broker, message
        self._occupancy.take()

    def after_process_message(
        self,
        broker: Broker,
        message: MessageProxy,
        *,
        result: object = None,
        exception: BaseException | None = None,
    ) -> None:
        """One less."""
        del broker, message, result, exception
        self._occupancy.leave()
