"""How long Redis itself takes for each script of a job's life: `python -m tests.bench.store_time`.

By the server's own count (INFO commandstats), so that neither this client nor the network is in it.
Give it a private Redis (WAYMARK_REDIS_URL): what is there is deleted.
"""

import math
import os
from collections.abc import Callable, Iterable
from typing import Any

import redis

from shared.adapters.store_redis import RedisStore
from shared.contracts import operations as ops
from shared.contracts.answers import ClaimAnswer
from shared.contracts.commands import RunJob
from shared.contracts.operations import Operation

TENANT = "bench"
JOBS = 20_000  # on record before and beside those that are measured
MEASURED = 3_000
ROUND = 50
LEASE = 15_000
PROGRESS = '{"current":1,"total":4,"percent":25.0,"message":null}'


def submit_of(number: int, **more: Any) -> ops.Submit:
    """Return a plain submit."""
    return ops.Submit(
        tenant=TENANT,
        job=f"019b7904-{number >> 16 & 0xFFFF:04x}-7000-8000-{number:012x}",
        type="csv.profile",
        type_version=1,
        queue="default",
        priority=5,
        payload='{"source":"s3://bucket/some/path/to/a/file.csv","delimiter":","}',
        max_attempts=6,
        labels={},
        submitted_by="key:bench",
        **more,
    )


class Bench:
    """A store, and the server's count of what each kind of operation took."""

    def __init__(self, url: str) -> None:
        """Start with an empty server."""
        self.server = redis.Redis.from_url(url)
        self.server.flushall()
        self.store = RedisStore(url)

    def measure(self, name: str, operations: Iterable[Operation[Any]]) -> list[Any]:
        """Carry them out one by one and print what one took; return the answers.

        What one took in the best of many rounds: on a shared machine, the others were disturbed.
        """
        waiting, answers, best = list(operations), [], math.inf
        for start in range(0, len(waiting), ROUND):
            self.server.config_resetstat()
            answers += [self.store.do(one) for one in waiting[start : start + ROUND]]
            took = self.server.info("commandstats")["cmdstat_evalsha"]["usec_per_call"]
            best = min(best, took)
        print(f"{name:28} {best:7.1f} us")
        return answers


def life(bench: Bench, first: int, label: str, **more: Any) -> None:
    """Take MEASURED jobs from their submit to their end."""
    asked = [submit_of(first + number, **more) for number in range(MEASURED)]
    records = [answer.job for answer in bench.measure(f"submit{label}", asked)]
    bench.measure(f"confirm{label}", (_confirm(one.job) for one in asked))
    claims = [_claim(RunJob.of(record), number) for number, record in enumerate(records)]
    running: list[ClaimAnswer] = bench.measure(f"claim{label}", claims)
    assert all(answer.job for answer in running)
    bench.measure(f"progress{label}", (_progress(one) for one in claims))
    bench.measure(f"succeed{label}", (_succeed(one) for one in claims))


def _confirm(job: str) -> ops.Confirm:
    return ops.Confirm(tenant=TENANT, job=job, dispatch=1)


def _claim(message: RunJob, number: int) -> ops.Claim:
    return ops.Claim(
        tenant=TENANT, message=message, token=f"{number:032x}", worker="w1", lease=LEASE
    )


def _progress(claim: ops.Claim) -> ops.Progress:
    return ops.Progress(
        tenant=TENANT, job=claim.message.job, token=claim.token, number=1, progress=PROGRESS
    )


def _succeed(claim: ops.Claim) -> ops.Succeed:
    return ops.Succeed(tenant=TENANT, job=claim.message.job, token=claim.token, result='{"rows":1}')


def main(also: Callable[[Bench], None] = lambda _: None) -> None:
    """Fill the store, then measure; `also` may measure more."""
    bench = Bench(os.environ["WAYMARK_REDIS_URL"])
    for number in range(JOBS):
        bench.store.do(submit_of(number))
    life(bench, JOBS, "")
    also(bench)


if __name__ == "__main__":
    main()
