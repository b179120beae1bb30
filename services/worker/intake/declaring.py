"""Makes a topology real on a blocking channel; declaring what is there already changes nothing."""

from pika.adapters.blocking_connection import BlockingChannel

from shared.contracts.topology import Topology


def declare(channel: BlockingChannel, topology: Topology) -> None:
    """Declare exchanges, queues and bindings, all durable, in this order.

    Raises:
        pika.exceptions.ChannelClosedByBroker: 406, one of them exists with other arguments.
    """
    for exchange in topology.exchanges:
        channel.exchange_declare(
            exchange.name,
            exchange_type=exchange.kind,
            durable=True,
            arguments=dict(exchange.arguments),
        )
    for queue in topology.queues:
        channel.queue_declare(queue.name, durable=True, arguments=dict(queue.arguments))
    for binding in topology.bindings:
        if binding.to_exchange:
            channel.exchange_bind(binding.destination, binding.source, binding.key)
        else:
            channel.queue_bind(binding.destination, binding.source, binding.key)
