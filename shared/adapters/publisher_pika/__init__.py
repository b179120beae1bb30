"""Messages to RabbitMQ with pipelined publisher confirms, on pika's asyncio connection."""

from shared.adapters.publisher_pika.publisher import PikaPublisher

__all__ = ["PikaPublisher"]
