"""Who may not make what it needs says what is missing, and goes on when it is there."""

from collections.abc import AsyncIterator

import pika
import pytest
from pika.exceptions import ChannelClosedByBroker

from services.worker.intake.declaring import declare
from shared.adapters.publisher_pika import PikaPublisher
from shared.contracts.topology import given, house_topology
from tests.eventually import eventually, eventually_async


@pytest.fixture
async def publisher(amqp_url: str) -> AsyncIterator[PikaPublisher]:
    publisher = PikaPublisher(amqp_url, name="test", house=given(house_topology()))
    await publisher.start()
    yield publisher
    await publisher.close()


async def test_it_is_not_ready_and_makes_nothing(publisher: PikaPublisher, amqp_url: str) -> None:
    async def says_what_is_missing() -> bool:
        return "no exchange 'waymark.dlx'" in (publisher.complaint or "")

    await eventually_async(says_what_is_missing)

    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        channel = connection.channel()
        with pytest.raises(ChannelClosedByBroker) as missing:
            channel.exchange_declare("waymark.deliver", passive=True)
    assert missing.value.reply_code == 404


async def test_it_is_ready_once_somebody_has_made_it(
    publisher: PikaPublisher, amqp_url: str
) -> None:
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        declare(connection.channel(), house_topology())

    async def is_ready() -> bool:
        return publisher.ready

    await eventually_async(is_ready, within=20)


def test_a_consumer_that_is_given_it_makes_nothing(amqp_url: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(amqp_url)) as connection:
        with pytest.raises(ChannelClosedByBroker) as missing:
            declare(connection.channel(), given(house_topology()))

        assert missing.value.reply_code == 404
        eventually(lambda: connection.is_open)
