"""What a submit and its confirm cost Redis, by the size of the batch they are in.

Run it with `python -m tests.bench.store_batches`. By the processor time of the server, so that its
sockets and its file are in it and this client is not. Give it a private Redis (WAYMARK_REDIS_URL):
what is there is deleted.
"""

import os
import statistics
from collections.abc import Sequence

import redis

from shared.adapters.store_redis import RedisStore
from shared.contracts import operations as ops
from shared.contracts.batches import ConfirmMany, SubmitMany
from tests.bench.store_time import TENANT, submit_of

SIZES = (1, 8, 50, 500)
ROUND = 2_000  # jobs
ROUNDS = 8
QUOTA = 1_000_000
TRACEPARENT = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01"


def batch_of(size: int, first: int) -> Sequence[ops.Submit]:
    """Return new jobs as a gateway submits them: with a key, a trace and a quota."""
    return [
        submit_of(
            number,
            key=ops.IdempotencyKey(hash=f"{number:064x}", fingerprint=f"{number:064x}"),
            traceparent=TRACEPARENT,
            quota=QUOTA,
        )
        for number in range(first, first + size)
    ]


def carry_out(store: RedisStore, jobs: Sequence[ops.Submit]) -> None:
    """Submit and confirm them as the gateway does."""
    if len(jobs) == 1:
        store.do(jobs[0])
        store.do(ops.Confirm(tenant=TENANT, job=jobs[0].job, dispatch=1))
        return
    store.do(SubmitMany(tenant=TENANT, jobs=tuple(jobs)))
    store.do(ConfirmMany(tenant=TENANT, dispatches=tuple((one.job, 1) for one in jobs)))


def used_us(server: redis.Redis) -> float:
    """Return the processor time (us) that the server has used."""
    cpu = server.info("cpu")
    return float(cpu["used_cpu_user"] + cpu["used_cpu_sys"]) * 1e6


def main() -> None:
    """Print for each size the best and the median of the rounds, a job."""
    url = os.environ["WAYMARK_REDIS_URL"]
    server, store, first = redis.Redis.from_url(url), RedisStore(url, deadline=10), 0
    server.flushall()
    for size in SIZES:
        took = []
        for _ in range(ROUNDS):
            batches = [batch_of(size, first + start) for start in range(0, ROUND, size)]
            first += ROUND
            before = used_us(server)
            for jobs in batches:
                carry_out(store, jobs)
            took.append((used_us(server) - before) / ROUND)
        median = statistics.median(took)
        print(f"in batches of {size:3}: {min(took):6.1f} us a job, median {median:.1f}")


if __name__ == "__main__":
    main()
