"""The Dramatiq broker: our consumer, our topology, and middleware that only looks on.

Dramatiq swallows what an `after_*` hook raises and then acks. So nothing here may matter to a job:
retries, limits and settling belong to `execute.py` (ADR 1).
"""

from typing import Any, Final, Never

import pika
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.message import Message

from services.worker.consumer import SafeConsumer
from services.worker.intake.gate import Intake
from services.worker.intake.long_jobs import LongJobs
from services.worker.metrics import WorkerMetrics
from services.worker.observers import LogContext, SlotGauge
from shared.contracts.errors import WaymarkError
from shared.contracts.topology import Topology, work_queues

HEARTBEAT_SECONDS: Final = 5  # what a frozen worker holds is handed out after 8-14 s; 10: 23-29 s
BLOCKED_SECONDS: Final = 20.0
SOCKET_SECONDS: Final = 5.0


class ConsumesOnlyError(WaymarkError):
    """This broker only consumes: publish through a CommandPublisher, which waits for confirms."""

    code = "consumes-only"


class WaymarkBroker(RabbitmqBroker):
    """Consumes the three AMQP queues behind each queue it serves; publishes nothing."""

    def __init__(
        self,
        amqp_url: str,
        *,
        name: str,
        intake: Intake,
        metrics: WorkerMetrics,
        long_jobs: LongJobs,
        house: Topology,
    ) -> None:
        """Describe it; connects when consumed from. `name` is what the broker shows operators."""
        super().__init__(
            url=amqp_url,
            # All of it, in this order; each may only look on.
            middleware=[
                LogContext(),  # first, so that what the next ones log has its names
                SlotGauge(metrics.occupancy),
            ],
        )
        self.parameters: Any = _parameters(amqp_url, name)
        self.intake = intake
        self.metrics = metrics
        self.long_jobs = long_jobs
        self.house = house  # what a consumer makes sure of, beside its own queue
        self._queue_behind: dict[str, str] = {}

    @property
    def consumer_class(self) -> type[SafeConsumer]:
        """Settles stay with the connection that delivered."""
        return SafeConsumer

    def serve(self, queue: str) -> None:
        """Consume the three priority classes of `queue` from now on."""
        for amqp_queue in work_queues(queue):
            self._queue_behind[amqp_queue] = queue
            self.declare_queue(amqp_queue)

    def queue_behind(self, amqp_queue: str) -> str:
        """Return the queue that `amqp_queue` is a priority class of."""
        return self._queue_behind[amqp_queue]

    def urgency(self, amqp_queue: str) -> int:
        """Return which class of its queue it is; 0 is the most urgent."""
        return work_queues(self.queue_behind(amqp_queue)).index(amqp_queue)

    def declare_queue(self, queue_name: str, *, ensure: bool = False) -> None:
        """Note an AMQP queue; a consumer declares it for real each time it connects.

        There is no delay queue and no `.XQ`: delays climb the ladder, the dead go to one exchange.
        """
        del ensure
        if queue_name not in self.queues:
            self.emit_before("declare_queue", queue_name)
            self.queues.add(queue_name)
            self.emit_after("declare_queue", queue_name)

    def get_declared_queues(self) -> set[str]:
        """Return the AMQP queues."""
        return set(self.queues)

    def enqueue(self, message: Message[Any], *, delay: int | None = None) -> Never:
        """Refuse.

        Raises:
            ConsumesOnlyError: always.
        """
        raise ConsumesOnlyError(message_id=message.message_id, delay=delay)


def _parameters(amqp_url: str, name: str) -> pika.URLParameters:
    """Return how to connect: a dead link is noticed in 14 s, a blocked one in 20 s."""
    ours = pika.URLParameters(amqp_url)
    ours.heartbeat = HEARTBEAT_SECONDS
    ours.blocked_connection_timeout = BLOCKED_SECONDS
    ours.socket_timeout = SOCKET_SECONDS
    ours.stack_timeout = 2 * SOCKET_SECONDS
    ours.client_properties = {"connection_name": name}
    return ours
