"""The misdeeds as a stock Dramatiq application: `python -m dramatiq tests.faults.stock.stock_jobs`.

Its own RabbitmqBroker with confirms on, its default middleware, and its Results beside that.
Durations are milliseconds, as Dramatiq wants them.
"""

import os
from collections.abc import Callable
from typing import Any

import dramatiq
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from dramatiq.errors import Retry
from dramatiq.results import Results
from dramatiq.results.backends import RedisBackend

from tests.faults.stock import misdeeds

SOON_MS = 3_000
LATER_MS = 600_000
QUICK = {"min_backoff": 100, "max_backoff": 200}

broker = RabbitmqBroker(url=os.environ["STOCK_AMQP_URL"], confirm_delivery=True)
broker.add_middleware(Results(backend=RedisBackend(url=os.environ["STOCK_REDIS_URL"])))
dramatiq.set_broker(broker)


def declare(kind: str, misdeed: Callable[[str], Any], **options: Any) -> None:
    dramatiq.actor(actor_name=kind, **options)(misdeed)


def postpone(name: str) -> None:
    misdeeds.postpone(name, lambda: Retry("later", delay=LATER_MS))


def again(name: str) -> None:
    misdeeds.postpone(name, lambda: Retry("soon", delay=SOON_MS))


declare("pass-by", misdeeds.pass_by, max_retries=0)
declare("wait", misdeeds.wait, max_retries=0)
declare("limited", misdeeds.wait, time_limit=2_000, store_results=True, max_retries=4, **QUICK)
declare("fail", misdeeds.fail, max_retries=1, **QUICK)
declare("limited-fail-once", misdeeds.fail_once, time_limit=2_000, max_retries=4, **QUICK)
declare("sleep", misdeeds.sleep, time_limit=1_000, max_retries=0)
declare("receive", misdeeds.receive, time_limit=1_000, max_retries=0)
declare("die", misdeeds.die, max_retries=4, **QUICK)
declare("postpone", postpone, max_retries=4)
declare("again", again, max_retries=4)
