"""A team's usual stack: FastAPI hands a job to Celery, as Celery's first steps have it.

Two routes, because both are seen. `/thread` is a `def`, which FastAPI runs in its thread pool: what
its docs advise for libraries that cannot be awaited. `/loop` is an `async def` that blocks the loop
while it publishes: faster while all is well, and all of the service hangs when the broker does.
Celery's own defaults: a durable queue, persistent messages, no publisher confirms; no result
backend, which would only cost more.
"""

import os

from celery import Celery
from fastapi import FastAPI
from pydantic import BaseModel

celery = Celery("peer", broker=os.environ["PEER_AMQP_URL"])
celery.conf.task_ignore_result = True
app = FastAPI()


class Job(BaseModel):
    """What a client may ask for."""

    source: str
    delimiter: str
    limit: int


@celery.task(name="peer.run")
def run(source: str, delimiter: str, limit: int) -> None:
    """Never called here: nobody consumes."""


@app.post("/thread", status_code=202)
def submit_in_a_thread(job: Job) -> dict[str, str]:
    return {"id": run.delay(**job.model_dump()).id}


@app.post("/loop", status_code=202)
async def submit_on_the_loop(job: Job) -> dict[str, str]:
    return {"id": run.delay(**job.model_dump()).id}
