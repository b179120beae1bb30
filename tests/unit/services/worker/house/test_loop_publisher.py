"""Publishing from a thread: timed as the thread that waits sees it."""

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry

from services.worker.house.loop import HouseLoop, LoopPublisher
from shared.contracts.errors import BrokerUnavailable
from shared.runtime.metrics.publishing import Publishing
from tests.fakes.jobs import message
from tests.fakes.publisher import FakePublisher


@pytest.fixture
def loop() -> Iterator[HouseLoop]:
    loop = HouseLoop()
    loop.start()
    yield loop
    loop.stop()


def test_each_publish_is_timed_by_whether_it_was_confirmed(loop: HouseLoop) -> None:
    registry, broker = CollectorRegistry(), FakePublisher()
    publisher = LoopPublisher(broker, loop, Publishing(registry))
    name = "waymark_jobs_publish_duration_seconds_count"

    publisher.publish(message())
    publisher.publish_later(message(), delay_ms=500)
    broker.failure = BrokerUnavailable()
    with pytest.raises(BrokerUnavailable):
        publisher.publish(message())

    assert registry.get_sample_value(name, {"result": "confirmed"}) == 2
    assert registry.get_sample_value(name, {"result": "failed"}) == 1
