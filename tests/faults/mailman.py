"""Puts messages into the broker, and looks at those that wait there, as any AMQP client can."""

from collections.abc import Iterator
from contextlib import contextmanager

import pika
from pika.adapters.blocking_connection import BlockingChannel

WORK_QUEUE = "waymark.default"


@contextmanager
def channel(url: str) -> Iterator[BlockingChannel]:
    """A channel of a connection of its own."""
    parameters = pika.URLParameters(url)
    parameters.socket_timeout = parameters.blocked_connection_timeout = 10
    connection = pika.BlockingConnection(parameters)
    try:
        yield connection.channel()
    finally:
        connection.close()


def copies(url: str, queue: str = WORK_QUEUE) -> list[bytes]:
    """Return the bodies of all messages that are ready; they stay there."""
    found = []
    with channel(url) as looking:
        while (body := looking.basic_get(queue)[2]) is not None:
            found.append(body)
    return found


def publish(url: str, bodies: list[bytes], queue: str = WORK_QUEUE) -> None:
    """Put messages into a queue, each confirmed."""
    with channel(url) as sending:
        sending.confirm_delivery()
        for body in bodies:
            sending.basic_publish(
                "", queue, body, pika.BasicProperties(delivery_mode=2), mandatory=True
            )


def move_one(url: str, source: str, target: str) -> bool:
    """Move the first message of one queue to another; False when there is none."""
    with channel(url) as moving:
        moving.confirm_delivery()
        method, _, body = moving.basic_get(source)
        if method is None or body is None:
            return False
        moving.basic_publish(
            "", target, body, pika.BasicProperties(delivery_mode=2), mandatory=True
        )
        moving.basic_ack(method.delivery_tag or 0)
        return True
