"""The misdeeds as our job types: `WAYMARK_JOBS=tests.faults.stock.house_jobs`."""

from services.worker import Retry, job
from tests.faults.stock import misdeeds

# What the gateway would read from the catalogue: 1 + retries.
MAX_ATTEMPTS = {"pass-by": 1, "wait": 1, "fail": 2, "sleep": 1, "receive": 1}
MAX_ATTEMPTS_ELSE = 5

job("pass-by", retries=0)(misdeeds.pass_by)
job("wait", retries=0)(misdeeds.wait)
job("limited", time_limit="2s", retries=4, min_backoff="0.1s", max_backoff="0.2s")(misdeeds.wait)
job("fail", retries=1, min_backoff="0.1s", max_backoff="0.2s")(misdeeds.fail)
job("limited-fail-once", time_limit="2s", retries=4, min_backoff="0.1s", max_backoff="0.2s")(
    misdeeds.fail_once
)
job("sleep", time_limit="1s", retries=0)(misdeeds.sleep)
job("receive", time_limit="1s", retries=0)(misdeeds.receive)
job("die", retries=4, min_backoff="0.1s", max_backoff="0.2s")(misdeeds.die)


@job("postpone", retries=4)
def postpone(name: str) -> None:
    """Ask for a run in ten minutes."""
    misdeeds.postpone(name, lambda: Retry("later", after="10m"))


@job("again", retries=4)
def again(name: str) -> None:
    """Ask for a run in three seconds."""
    misdeeds.postpone(name, lambda: Retry("soon", after="3s"))
