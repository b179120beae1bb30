"""The misdeeds as a stock Dramatiq application: `python -m dramatiq tests.faults.stock.stock_jobs`.

Its own RabbitmqBroker with confirms on, its default middleware, and its Results beside that.
Durations are milliseconds, as Dramatiq wants them.
"""

import os

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.errors import Retry
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from tests.faults.stock import misdeeds

LATER_MS = 600_000
QUICK = {"min_backoff": 100, "max_backoff": 200}

broker = RabbitmqBroker(url=os.environ["STOCK_AMQP_URL"], confirm_delivery=True)
broker.add_middleware(Results(backend=RedisBackend(url=os.environ["STOCK_REDIS_URL"])))
dramatiq.set_broker(broker)

dramatiq.actor(misdeeds.pass_by, actor_name="pass-by", max_retries=0)
dramatiq.actor(misdeeds.wait, actor_name="wait", max_retries=0)
dramatiq.actor(
    misdeeds.wait,
    actor_name="limited",
    time_limit=2_000,
    store_results=True,
    max_retries=4,
    **QUICK,
)
dramatiq.actor(misdeeds.fail, actor_name="fail", max_retries=1, **QUICK)
dramatiq.actor(misdeeds.fail_once, actor_name="fail-once", max_retries=4, **QUICK)
dramatiq.actor(
    misdeeds.fail_once, actor_name="limited-fail-once", time_limit=2_000, max_retries=4, **QUICK
)
dramatiq.actor(misdeeds.sleep, actor_name="sleep", time_limit=1_000, max_retries=0)
dramatiq.actor(misdeeds.receive, actor_name="receive", time_limit=1_000, max_retries=0)
dramatiq.actor(misdeeds.die, actor_name="die", max_retries=4, **QUICK)


@dramatiq.actor(actor_name="postpone", max_retries=4)
def postpone(name: str) -> None:
    misdeeds.postpone(name, lambda: Retry("later", delay=LATER_MS))
