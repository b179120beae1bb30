"""Dramatiq's Worker with our threads: consumers that fill the work queue, slots that empty it."""

import threading
import time
from collections.abc import Callable
from queue import Empty
from typing import Any, Final, Protocol

import structlog
from dramatiq.broker import MessageProxy
from dramatiq.worker import ConsumerThread, Worker, WorkerThread, _WorkQueueItem

from services.worker.attempts.watching import SlotSilentError
from services.worker.broker import WaymarkBroker
from services.worker.consumer import SafeConsumer
from services.worker.intake.deliveries import Answer, Delivered
from services.worker.intake.delivery import Delivery
from services.worker.intake.taking_out import take_out
from services.worker.intake.urgency import let_equals_arrive
from services.worker.intake.voice import ConsumerVoice
from services.worker.metrics import WorkerMetrics
from services.worker.slots.client import SlotsUnavailable
from shared.runtime.pacing import pause_thread

IDLE_MS: Final = 250  # how late a consumer or a slot notices that it is to stop
FAULT_SECONDS: Final = 1.0  # before a delivery that met a bug is given back: no hot loop

log = structlog.get_logger()


class Executes(Protocol):
    """`execute.Executor`, as the slot threads see it."""

    def execute(self, delivery: Delivered) -> Answer:
        """Do all that the message asks and return how it is settled."""


class Intaker(ConsumerThread):
    """Keeps one AMQP queue consumed; puts what arrives on the work queue, the urgent first."""

    def __init__(self, *, priority: int, **facts: Any) -> None:  # noqa: ANN401 - Dramatiq's own
        """Describe it; the lowest `priority` is picked first."""
        super().__init__(**facts)
        self.name = f"consumer {self.queue_name}"
        self.logger: Any = ConsumerVoice(self.queue_name)
        self.ticked_at = time.monotonic()
        self._priority = priority

    @property
    def safe_consumer(self) -> SafeConsumer | None:
        """The consumer of the moment, if there is one."""
        return self.consumer if isinstance(self.consumer, SafeConsumer) else None

    def handle_message(self, message: MessageProxy) -> None:
        """Put it on the work queue; Dramatiq's own looks for an actor first."""
        self.work_queue.put(_WorkQueueItem(self._priority, message))

    def handle_delayed_messages(self) -> None:
        """Tick: there are no delayed messages here, the ladder has them."""
        self.ticked_at = time.monotonic()
        self.logger.consumes()
        consumer = self.safe_consumer
        if consumer is not None and consumer.paused and not consumer.consuming:
            self._give_back_waiting()

    def _give_back_waiting(self) -> None:
        """Its queue is paused: what has not started waits in the broker, for whoever is first."""
        for item in take_out(self.work_queue, self._brought):
            if isinstance(item.message, Delivery):
                item.message.settle(Answer.REQUEUE)

    def _brought(self, item: _WorkQueueItem) -> bool:
        return item.message.queue_name == self.queue_name

    def close(self) -> None:
        """Close the consumer; called between two connections, too."""
        self.ticked_at = time.monotonic()
        consumer = self.safe_consumer
        if consumer is not None:
            consumer.close()


class SlotThread(WorkerThread):
    """Carries out one delivery after the other and settles each as the executor says.

    Dramatiq's own swallows what goes wrong on the way and acks: nothing of it is left.
    """

    def __init__(
        self,
        *,
        executor: Executes,
        broken: threading.Event,
        metrics: WorkerMetrics,
        urgency: Callable[[str], int],
        **facts: Any,  # noqa: ANN401 - Dramatiq's own
    ) -> None:
        """Describe it; `broken` is set when the slots cannot be trusted any more.

        `urgency` of an AMQP queue: the lowest number is picked first.
        """
        super().__init__(**facts)
        self._urgency = urgency
        self._metrics = metrics
        self._executor = executor
        self._broken = broken

    def process_message(self, message: MessageProxy) -> None:
        """Carry out one delivery."""
        if not isinstance(message, Delivery):
            raise TypeError(type(message).__name__)
        if not self.running:
            # Told to stop while it was taking this: the drain gives it back.
            self.work_queue.put(_WorkQueueItem(0, message))
            self.work_queue.task_done()
            return
        if message.consumer.paused:
            message.settle(Answer.REQUEUE)
            self._metrics.settled[Answer.REQUEUE].inc()
            self.work_queue.task_done()
            return
        self.broker.emit_before("process_message", message)
        answer = self._execute(message)
        message.settle(answer)
        self._metrics.settled[answer].inc()
        self.broker.emit_after("process_message", message, result=answer)
        self.work_queue.task_done()
        ended = self._urgency(message.consumer.amqp_queue)
        let_equals_arrive(self.work_queue, ended, goes_on=lambda: self.running)

    def _execute(self, delivery: Delivery) -> Answer:
        try:
            return self._executor.execute(delivery)
        except (SlotSilentError, SlotsUnavailable):
            log.critical("zygote_silent", job_id=delivery.job.job)
            self._broken.set()
            return Answer.HOLD
        except Exception:
            log.exception("execute_broke", job_id=delivery.job.job)
            self._metrics.faults.labels("execute").inc()
            pause_thread(FAULT_SECONDS)
            return Answer.REQUEUE


class Crew(Worker):
    """All consumers and all slots of one process."""

    def __init__(
        self, broker: WaymarkBroker, executor: Executes, *, slots: int, broken: threading.Event
    ) -> None:
        """Describe it; nothing runs before `start`. `broken`: the slots cannot be trusted."""
        super().__init__(broker, worker_timeout=IDLE_MS, worker_threads=slots)
        self.queue_prefetch = slots
        self.broken = broken
        self._executor = executor
        self._house_broker = broker

    def _add_consumer(self, queue_name: str, *, delay: bool = False) -> None:
        if delay or queue_name in self.consumers:
            return
        consumer = Intaker(
            priority=self._house_broker.urgency(queue_name),
            broker=self.broker,
            queue_name=queue_name,
            prefetch=self.queue_prefetch,
            work_queue=self.work_queue,
            worker_timeout=self.worker_timeout,
        )
        self.consumers[queue_name] = consumer
        consumer.start()

    def _add_worker(self) -> None:
        worker = SlotThread(
            executor=self._executor,
            broken=self.broken,
            metrics=self._house_broker.metrics,
            urgency=self._house_broker.urgency,
            broker=self.broker,
            consumers=self.consumers,
            work_queue=self.work_queue,
            worker_timeout=self.worker_timeout,
        )
        worker.name = f"slot {len(self.workers)}"
        worker.start()
        self.workers.append(worker)

    @property
    def intakers(self) -> list[Intaker]:
        """The consumer threads."""
        threads = list(self.consumers.values())  # a copy: others look while it is being filled
        return [thread for thread in threads if isinstance(thread, Intaker)]

    @property
    def silent_consumers(self) -> list[str]:
        """The AMQP queues that are not being consumed, and should."""
        return [
            thread.queue_name
            for thread in self.intakers
            if thread.safe_consumer is None or not thread.safe_consumer.in_order
        ]

    @property
    def consuming(self) -> int:
        """How many AMQP queues are being consumed."""
        consumers = [thread.safe_consumer for thread in self.intakers]
        return sum(consumer is not None and consumer.consuming for consumer in consumers)

    @property
    def held(self) -> dict[str, tuple[str, ...]]:
        """The jobs, by tenant, whose messages the broker counts as delivered to this worker."""
        jobs: dict[str, list[str]] = {}
        for thread in self.intakers:
            consumer = thread.safe_consumer
            for job in consumer.unsettled if consumer is not None and consumer.connected else ():
                jobs.setdefault(job.options.tenant, []).append(job.job)
        return {tenant: tuple(names) for tenant, names in jobs.items()}

    @property
    def busy(self) -> int:
        """How many deliveries are being carried out or waiting for a slot."""
        return self.work_queue.unfinished_tasks

    def let_slots_end(self) -> None:
        """Let the slot threads take nothing more; what they carry out goes on."""
        for thread in self.workers:
            thread.stop()

    def give_back_waiting(self) -> int:
        """Requeue what has not started; return how much that was."""
        count = 0
        while True:
            try:
                item = self.work_queue.get_nowait()
            except Empty:
                return count
            if isinstance(item.message, Delivery):
                item.message.settle(Answer.REQUEUE)
                count += 1
            self.work_queue.task_done()
