"""Jobs fail for good in a whole house; an operator redrives them, and each succeeds."""

import asyncio
import os
import subprocess
import sys

import httpx

from deploy.local.house import House
from tests.e2e.outside import Gateway
from tests.eventually import eventually_async

JOBS = 40
LABEL = "test.dead-letters"


def waymark(house: House, *words: str) -> subprocess.CompletedProcess[str]:
    clean = {k: v for k, v in os.environ.items() if not k.startswith("WAYMARK_")}
    told = {
        "WAYMARK_URL": house.url,
        "WAYMARK_STREAM_URL": house.stream_url,
        "WAYMARK_API_KEY": house.keys.tenant,
    }
    return subprocess.run(
        [sys.executable, "-m", "clients.cli", *words],
        env=clean | told,
        capture_output=True,
        text=True,
        timeout=90,
        check=False,
    )


async def test_what_failed_for_good_is_redriven_from_the_command_line_and_succeeds(
    house: House, gateway: Gateway, http: httpx.AsyncClient
) -> None:
    body = {
        "type": "demo.steps",
        "payload": {"steps": 1, "seconds_per_step": 0.01, "fail_times": 1},
        "max_attempts": 1,
        "labels": {LABEL: "yes"},
    }
    accepted = await asyncio.gather(
        *(gateway.submit(http, body, key=f"dead-{n}") for n in range(JOBS))
    )
    jobs = [job["id"] for job in accepted]
    failed = await gateway.settle(http, jobs, within=60)
    assert {job["dead_letter"]["reason"] for job in failed.values()} == {"attempts_exhausted"}

    redriven = await asyncio.to_thread(
        waymark, house, "dead-letters", "redrive", *jobs, "--rate", "40", "--watch"
    )

    assert redriven.returncode == 0, redriven.stderr
    assert f"{JOBS} of {JOBS} done" in redriven.stdout

    async def all_well() -> bool:
        ended = [await gateway.read(http, job) for job in jobs]
        assert {job["state"] for job in ended} == {"succeeded"}
        assert {(job["redrives"], job["attempt"]) for job in ended} == {(1, 2)}
        for job in ended:
            assert [one["outcome"] for one in job["attempts"]] == ["failed", "succeeded"]
        return True

    await eventually_async(all_well, within=60)
