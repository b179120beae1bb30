"""A message that the outbox holds goes to the broker; the confirm clears the entry."""

from shared.contracts.commands import RunJob
from shared.contracts.operations import Confirm
from shared.ports import AsyncJobStore, CommandPublisher


async def hand_over(
    message: RunJob, *, delay_ms: int = 0, store: AsyncJobStore, publisher: CommandPublisher
) -> None:
    """Publish a message, by way of the ladder if there is a delay, and note the confirm.

    Raises:
        BrokerUnavailable, Unroutable: it stays in the outbox, and the sweeper publishes it.
        StoreUnavailable: it is published; the entry is cleared by its claim or by the sweeper.
    """
    if delay_ms > 0:
        await publisher.publish_later(message, delay_ms=delay_ms)
    else:
        await publisher.publish(message)
    await store.do(
        Confirm(tenant=message.options.tenant, job=message.job, dispatch=message.options.dispatch)
    )
