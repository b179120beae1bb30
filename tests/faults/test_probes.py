"""/live asks the process alone: an outage of the stores makes everybody unready and kills nobody.

A liveness probe that asked further would have the orchestrator restart a whole house, workers with
their running jobs included, because Redis was slow for half a minute.
"""

import time

import httpx
import pytest

from tests.eventually import eventually
from tests.faults.stage import Stage
from tests.manifests.reading import objects_as_they_stand, of_kind

NOTICED_SECONDS = 8.0  # 5.3 seen: the worker waits for its broker's heartbeat
ANSWER_SECONDS = min(
    deployment["spec"]["template"]["spec"]["containers"][0][probe]["timeoutSeconds"]
    for deployment in of_kind("Deployment", objects_as_they_stand())
    for probe in ("livenessProbe", "readinessProbe")
)
LOOK_SECONDS = 0.5
LONG = 75.0  # longer than a worker's consumer may be silent before it counts as dead


def said(stage: Stage, path: str) -> dict[str, int]:
    """Return the status of each service, asked as a kubelet asks."""
    urls = {name: stage.house.service(name).url for name in ("gateway", "worker", "notifier")}
    return {
        name: httpx.get(f"{url}{path}", timeout=ANSWER_SECONDS, trust_env=False).status_code
        for name, url in urls.items()
    }


@pytest.mark.parametrize("seconds", [3.0, pytest.param(LONG, marks=pytest.mark.slow)])
def test_frozen_stores_make_everybody_unready_within_seconds_and_nobody_dead(
    stage: Stage, seconds: float
) -> None:
    everybody = said(stage, "/ready")
    well, unwell = dict.fromkeys(everybody, 200), dict.fromkeys(everybody, 503)
    eventually(lambda: said(stage, "/ready") == well, within=30)

    stage.redis.freeze()
    stage.rabbitmq.freeze()
    eventually(lambda: said(stage, "/ready") == unwell, within=NOTICED_SECONDS)
    over = time.monotonic() + seconds
    while time.monotonic() < over:
        time.sleep(LOOK_SECONDS)
        assert said(stage, "/live") == well
        assert said(stage, "/ready") == unwell
    stage.redis.thaw()
    stage.rabbitmq.thaw()

    eventually(lambda: said(stage, "/ready") == well, within=40)
