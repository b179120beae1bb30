"""What watches a house whose stores are somebody else's."""

from pathlib import Path

import pytest

from deploy.local.house import House, Ports
from deploy.local.lookout.lookout import Lookout
from deploy.local.lookout.program import REDIS_EXPORTER
from deploy.local.lookout.showing import what_to_open

REDIS = "redis://:a-secret@elsewhere:6379/0"


@pytest.fixture
def lookout(tmp_path: Path) -> Lookout:
    env = {"WAYMARK_AMQP_URL": "amqp://elsewhere", "WAYMARK_REDIS_URL": REDIS}
    return Lookout(House(tmp_path, env=env, ports=Ports()), ports=Lookout.free_ports())


def test_a_broker_that_is_not_ours_is_not_watched_and_that_is_said(lookout: Lookout) -> None:
    assert lookout.targets["rabbitmq"] == lookout.targets["rabbitmq-queues"] == []
    assert "RabbitMQ is not watched" in what_to_open(lookout)


def test_a_password_of_redis_is_in_no_argument_that_all_may_see(lookout: Lookout) -> None:
    exporter = next(each for each in lookout.programs if each.kind == REDIS_EXPORTER)

    assert exporter.env()["REDIS_ADDR"] == REDIS
    assert not any("a-secret" in each for each in exporter.arguments)
