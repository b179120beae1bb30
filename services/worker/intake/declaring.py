"""Makes a topology real on a blocking channel; declaring what is there already changes nothing."""

from pika.adapters.blocking_connection import BlockingChannel

from shared.contracts.topology import Topology


def declare(channel: BlockingChannel, topology: Topology) -> None:
    """Declare exchanges, queues and bindings, all durable, in this order; look for given ones.

    Raises:
        pika.exceptions.ChannelClosedByBroker: 406, one of them exists with other arguments; 404,
            a given one does not exist; 403, the user may not.
    """
    for exchange in topology.exchanges:
        channel.exchange_declare(
            exchange.name,
            exchange_type=exchange.kind,
            passive=topology.given,
            durable=True,
            arguments=dict(exchange.arguments),
        )
    for queue in topology.queues:
        channel.queue_declare(
            queue.name, passive=topology.given, durable=True, arguments=dict(queue.arguments)
        )
    for binding in topology.bindings:
        if binding.to_exchange:
            channel.exchange_bind(binding.destination, binding.source, binding.key)
        else:
            channel.queue_bind(binding.destination, binding.source, binding.key)
