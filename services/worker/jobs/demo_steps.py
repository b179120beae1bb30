"""demo.steps: a job that takes its time, fails and crashes as told; for trying things out."""

import os
import signal
from typing import Annotated

from pydantic import BaseModel, Field

from services.worker import current, job, track
from shared.runtime.pacing import pause_thread

Steps = Annotated[int, Field(ge=1, le=100_000)]
Seconds = Annotated[float, Field(ge=0, le=3_600)]
Times = Annotated[int, Field(ge=0, le=1_000)]


class StepsDone(BaseModel):
    """How many steps were made, in which attempt."""

    steps: int
    attempt: int


class StumbledError(Exception):
    """The failure that was ordered."""


@job("demo.steps", retries=5, min_backoff="200ms", max_backoff="5s")
def steps(
    steps: Steps = 10,
    seconds_per_step: Seconds = 0.5,
    fail_times: Times = 0,
    crash_times: Times = 0,
) -> StepsDone:
    """Make steps; the first attempts crash, the next ones fail, half-way."""
    attempt = current().attempt
    for step in track(range(steps), "stepping"):
        pause_thread(seconds_per_step)
        if step == steps // 2:
            _stumble(attempt, fail_times, crash_times)
    return StepsDone(steps=steps, attempt=attempt)


def _stumble(attempt: int, fail_times: int, crash_times: int) -> None:
    if attempt <= crash_times:
        os.kill(os.getpid(), signal.SIGKILL)
    if attempt <= crash_times + fail_times:
        text = f"attempt {attempt} fails, as ordered"
        raise StumbledError(text)
