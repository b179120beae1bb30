"""A publisher's messages, and what can be waited for of it."""

from shared.adapters.publisher_pika import PikaPublisher
from shared.adapters.publisher_pika.publisher import OPEN_SECONDS
from shared.contracts.commands import SCHEMA, RunJob, RunJobOptions
from shared.contracts.errors import BrokerUnavailable
from tests.eventually import eventually_async
from tests.integration.broker_reader import Reader


def a_message(job: str = "job-1", queue: str = "default", priority: int = 5) -> RunJob:
    """Return a message for a job of a queue."""
    options = RunJobOptions(
        schema=SCHEMA,
        tenant="acme",
        dispatch=1,
        queue=queue,
        priority=priority,
        type_version=1,
        recorded_at=1,
        max_attempts=3,
    )
    return RunJob(job=job, type="demo.steps", payload='{"steps": 3}', options=options)


def serve_default(url: str) -> None:
    """Declare the queue `default` and leave."""
    reader = Reader(url)
    reader.serve("default")
    reader.close()


async def until_ready(publisher: PikaPublisher) -> None:
    """Wait until the publisher says that it could publish."""

    async def is_ready() -> bool:
        return publisher.ready

    await eventually_async(
        is_ready, within=OPEN_SECONDS + 30
    )  # a second try finds the queues there


async def until_in_flight(publisher: PikaPublisher) -> None:
    """Wait until the publisher has sent something that is not answered for."""

    async def is_owed() -> bool:
        return publisher.unconfirmed > 0

    await eventually_async(is_owed)


async def publishes_again(publisher: PikaPublisher) -> None:
    """Wait until a publish is confirmed."""

    async def is_confirmed() -> bool:
        try:
            await publisher.publish(a_message("after"))
        except BrokerUnavailable:
            return False
        return True

    await eventually_async(is_confirmed, within=30)
