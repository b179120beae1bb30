"""The same with Dramatiq: a record in Redis, then `.send()`, as its guide has it.

`/thread` and `/loop` as in `celery_api.py`. Durable queue, persistent messages; Dramatiq's default
waits for no publisher confirm.
"""

import json
import os
import uuid

import dramatiq
import redis
from dramatiq.brokers.rabbitmq import RabbitmqBroker
from fastapi import FastAPI
from pydantic import BaseModel

dramatiq.set_broker(RabbitmqBroker(url=os.environ["PEER_AMQP_URL"]))
records = redis.Redis.from_url(os.environ["PEER_REDIS_URL"])
app = FastAPI()


class Job(BaseModel):
    """What a client may ask for."""

    source: str
    delimiter: str
    limit: int


@dramatiq.actor(actor_name="peer.run")
def run(job: str, source: str, delimiter: str, limit: int) -> None:
    """Never called here: nobody consumes."""


def submit(job: Job) -> dict[str, str]:
    name = uuid.uuid4().hex
    record = {"state": "queued", "payload": job.model_dump()}
    records.set(f"job:{name}", json.dumps(record))
    run.send(job=name, **job.model_dump())
    return {"id": name}


@app.post("/thread", status_code=202)
def submit_in_a_thread(job: Job) -> dict[str, str]:
    return submit(job)


@app.post("/loop", status_code=202)
async def submit_on_the_loop(job: Job) -> dict[str, str]:
    return submit(job)
