"""What a worker's side of the broker sees, for tests of the publisher."""

import time

import pika

from shared.contracts import topology


class Reader:
    """What a worker's side of the broker sees, with a blocking connection."""

    def __init__(self, url: str) -> None:
        self._connection = pika.BlockingConnection(pika.URLParameters(url))
        self.channel = self._connection.channel()

    def serve(self, queue: str) -> None:
        """Declare a queue as the worker that serves it does."""
        wanted = topology.work_topology(queue)
        for queue_ in wanted.queues:
            self.channel.queue_declare(queue_.name, durable=True, arguments=dict(queue_.arguments))
        for binding in wanted.bindings:
            self.channel.queue_bind(binding.destination, binding.source, binding.key)

    def read(
        self, queue: str, count: int, within: float = 5.0
    ) -> list[tuple[float, pika.BasicProperties, bytes]]:
        """Take `count` messages; return (monotonic time of arrival, properties, body) of each."""
        seen: list[tuple[float, pika.BasicProperties, bytes]] = []
        for method, properties, body in self.channel.consume(
            queue, auto_ack=True, inactivity_timeout=within
        ):
            if method is None or properties is None or body is None:
                break
            seen.append((time.monotonic(), properties, body))
            if len(seen) == count:
                break
        self.channel.cancel()
        return seen

    def close(self) -> None:
        self._connection.close()
