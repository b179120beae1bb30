"""One delivered message, as it goes from a consumer's thread to a slot's and back."""

from typing import Any, Protocol

from dramatiq.broker import MessageProxy
from dramatiq.message import Message

from services.worker.intake.deliveries import Answer
from shared.contracts.commands import RunJob


class Brought(Protocol):
    """The consumer that brought it, as far as a delivery is concerned."""

    amqp_queue: str

    @property
    def paused(self) -> bool:
        """Whether nothing of its queue is to be begun."""

    def holds(self, tag: int) -> bool:
        """Whether the delivery `tag` can still be settled."""

    def settle(self, delivery: "Delivery", answer: Answer) -> None:
        """Answer the broker for one of its own deliveries."""


class Delivery(MessageProxy):
    """One delivered message, as Dramatiq's threads hand it on; `job` is what it says."""

    def __init__(
        self,
        consumer: Brought,
        tag: int,
        job: RunJob,
        *,
        headers: dict[str, Any],
        redelivered: bool,
    ) -> None:
        """Describe it; `tag` means something to `consumer` alone."""
        super().__init__(
            Message(
                queue_name=consumer.amqp_queue,
                actor_name=job.type,
                args=(),
                kwargs={},
                options={},
                message_id=job.job,
                message_timestamp=job.options.recorded_at,
            )
        )
        self.consumer = consumer
        self.tag = tag
        self.job = job
        self.headers = headers
        self.redelivered = redelivered

    @property
    def alive(self) -> bool:
        """Whether it can still be settled; if not, it is delivered again."""
        return self.consumer.holds(self.tag)

    def settle(self, answer: Answer) -> None:
        """Answer the broker; from any thread, once."""
        self.consumer.settle(self, answer)
