"""A worker that is stuck says so on /live, ends, and its jobs run elsewhere, uncharged."""

import json
import os
import signal
import urllib.error
import urllib.request
from typing import Any

import httpx
import pytest

from tests.eventually import eventually
from tests.faults.stage import Stage, parent_of

pytestmark = pytest.mark.slow

NOTICED_SECONDS = 20.0  # ten looks, a second apart


async def test_a_worker_whose_zygote_is_stuck_says_so_and_ends_and_nobody_is_charged(
    stage: Stage, http: httpx.AsyncClient
) -> None:
    jobs = await stage.submit_many(http, 4, seconds=14)
    runs = [await stage.run_of(job) for job in jobs]
    name = stage.worker_of(runs[0])
    stuck = stage.house.service(name)
    url, zygote = stuck.url, parent_of(runs[0].pid)
    os.kill(zygote, signal.SIGSTOP)

    told = eventually(lambda: _complaint(url), within=NOTICED_SECONDS) or {}
    assert told["checks"]["zygote"] == "does not answer"
    eventually(lambda: not stuck.is_running, within=NOTICED_SECONDS)
    stage.heal()
    assert await stage.verdict(http, jobs, within=90) == []
    for job in jobs:
        assert (await stage.gateway.read(http, job))["attempt"] == 1


def _complaint(url: str) -> dict[str, Any] | None:
    """What /live says when it is not well; None while it is, or while nobody answers."""
    try:
        with urllib.request.urlopen(f"{url}/live", timeout=2):
            return None
    except urllib.error.HTTPError as refused:
        answer: dict[str, Any] = json.load(refused)
        return answer
    except OSError:
        return None
