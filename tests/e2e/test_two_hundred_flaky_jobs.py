"""Two hundred jobs at once, most of which fail first: each succeeds, each history is whole."""

import asyncio

import httpx

from deploy.local.house import House
from tests.e2e.outside import FINAL, Gateway, Watcher, flaws_of

JOBS = 200


async def test_200_jobs_that_fail_up_to_twice_all_succeed_with_whole_histories(
    house: House, gateway: Gateway, http: httpx.AsyncClient
) -> None:
    accepted = await asyncio.gather(
        *(
            gateway.submit(
                http,
                {
                    "type": "demo.steps",
                    "payload": {"steps": 3, "seconds_per_step": 0.01, "fail_times": n % 3},
                },
                key=f"flaky-{n}",
            )
            for n in range(JOBS)
        )
    )
    jobs = [job["id"] for job in accepted]
    token = await gateway.token(http, jobs)
    watcher = Watcher(house.stream_url, token, jobs)

    await watcher.run(within=150)
    ended = await gateway.settle(http, jobs, within=10)

    assert len(set(jobs)) == JOBS
    assert {job["state"] for job in ended.values()} == {"succeeded"}
    assert {job: flaws for job, seen in watcher.seen.items() if (flaws := flaws_of(seen))} == {}
    for n, job in enumerate(jobs):
        assert ended[job]["attempt"] == n % 3 + 1
        assert ended[job]["step"] == watcher.seen[job].step
        outcomes = [attempt["outcome"] for attempt in ended[job]["attempts"]]
        assert outcomes == ["failed"] * (n % 3) + ["succeeded"]
        assert sum(state in FINAL for _, state in watcher.seen[job].states) == 1
