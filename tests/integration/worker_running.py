"""How the worker's tests start a worker process, hand it jobs and look at what it does."""

import json
import os
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NamedTuple

import pika
import uuid_utils

from shared.adapters.store_redis import RedisStore
from shared.contracts.answers import CancelVerdict
from shared.contracts.commands import RunJob
from shared.contracts.job import JobRecord
from shared.contracts.lifecycle import State
from shared.contracts.operations import Cancel, Confirm, Read, Submit, Sweep, Tick
from shared.contracts.topology import DEAD_LETTER_QUEUE, work_queue
from tests.eventually import eventually

ROOT = Path(__file__).parents[2]
TENANT = "acme"
START_SECONDS = 60.0  # 2 s alone; the machine is shared
STOP_SECONDS = 30.0


class Depth(NamedTuple):
    """Messages that are ready, and consumers."""

    ready: int
    consumers: int


class RunningWorker:
    """One worker process of a test."""

    def __init__(self, process: "subprocess.Popen[bytes]", port: int) -> None:
        self.process = process
        self._port = port

    def probe(self, name: str) -> dict[str, Any]:
        """Return the JSON of /live or /ready; empty while nobody answers."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/{name}", timeout=2) as got:
                answer: dict[str, Any] = json.load(got)
        except urllib.error.HTTPError as refused:
            answer = json.load(refused)
        except OSError:
            return {}
        return answer

    def metrics(self) -> str:
        with urllib.request.urlopen(f"http://127.0.0.1:{self._port}/metrics", timeout=2) as got:
            text: str = got.read().decode()
        return text

    def wait_ready(self, within: float = START_SECONDS) -> None:
        eventually(lambda: self.probe("ready").get("ready"), within=within)

    def told(self, number: int) -> None:
        self.process.send_signal(number)

    def kill(self) -> None:
        self.process.kill()
        self.process.wait(STOP_SECONDS)

    def ended(self, within: float = STOP_SECONDS) -> int:
        return self.process.wait(within)


class House:
    """A store and a broker with workers on them."""

    def __init__(self, amqp_url: str, redis_url: str, logs: Path) -> None:
        self.amqp_url = amqp_url
        self.redis_url = redis_url
        self._logs = logs
        self.store = RedisStore(redis_url)
        self._workers: list[RunningWorker] = []
        self._connection: pika.BlockingConnection | None = None

    def start_worker(
        self, *, wait: bool = True, python: Sequence[str] = (sys.executable,), **settings: object
    ) -> RunningWorker:
        """Start one; `python`: how, a command that becomes an interpreter."""
        port = _free_port()
        environment = {
            **os.environ,
            "WAYMARK_AMQP_URL": self.amqp_url,
            "WAYMARK_REDIS_URL": self.redis_url,
            "WAYMARK_WORKER_PORT": str(port),
            "WAYMARK_JOBS": "tests.integration.worker_jobs",
            "WAYMARK_SLOTS": "2",
            **{f"WAYMARK_{name.upper()}": str(value) for name, value in settings.items()},
        }
        log = (self._logs / f"worker-{len(self._workers)}.log").open("wb")
        with log:
            process = subprocess.Popen(
                [*python, "-m", "services.worker"], cwd=ROOT, env=environment, stderr=log
            )
        worker = RunningWorker(process, port)
        self._workers.append(worker)
        if wait:
            worker.wait_ready()
        return worker

    def submit(
        self, kind: str, *, priority: int = 5, max_attempts: int = 5, **payload: object
    ) -> str:
        """Do what the gateway does; return the job's id."""
        job = str(uuid_utils.uuid7())
        submitted = self.store.do(
            Submit(
                tenant=TENANT,
                job=job,
                type=kind,
                type_version=1,
                queue="default",
                priority=priority,
                payload=json.dumps(payload),
                max_attempts=max_attempts,
                labels={},
                submitted_by="test",
            )
        )
        assert submitted.job is not None
        self.publish(RunJob.of(submitted.job))
        self.store.do(Confirm(tenant=TENANT, job=job, dispatch=1))
        return job

    def publish(self, message: RunJob) -> None:
        queue = work_queue(message.options.queue, message.options.priority)
        now = time.time_ns() // 1_000_000
        self.publish_bytes(queue, message.encode(queue_name=queue, timestamp_ms=now))

    def publish_bytes(self, queue: str, body: bytes) -> None:
        with self._channel() as channel:
            channel.confirm_delivery()
            channel.basic_publish(
                "", queue, body, pika.BasicProperties(delivery_mode=2), mandatory=True
            )

    def dead_letter(self) -> bytes | None:
        """Take one message from the dead-letter queue."""
        with self._channel() as channel:
            _, _, body = channel.basic_get(DEAD_LETTER_QUEUE, auto_ack=True)
        return body

    def waiting(self, queue: str = "waymark.default") -> set[str]:
        """Return the jobs whose messages are ready, and leave them there."""
        jobs = set()
        with self._channel() as channel:
            while (body := channel.basic_get(queue)[2]) is not None:
                jobs.add(RunJob.decode(body).job)
        return jobs

    def depth(self, queue: str) -> Depth:
        """Return how many messages are ready in a queue, and who consumes it."""
        with self._channel() as channel:
            told = channel.queue_declare(queue, passive=True).method
        return Depth(ready=told.message_count, consumers=told.consumer_count)

    def read(self, job: str) -> JobRecord:
        record = self.store.do(Read(tenant=TENANT, job=job))
        assert record is not None
        return record

    def wait_state(self, job: str, state: State, within: float = 15.0) -> JobRecord:
        return self.wait_for(job, lambda record: record.state is state, within)

    def wait_for(
        self, job: str, fact: Callable[[JobRecord], object], within: float = 15.0
    ) -> JobRecord:
        def look() -> JobRecord | None:
            record = self.read(job)
            assert fact(record), (record.state, record.error, record.attempts)
            return record

        found = eventually(look, within=within)
        assert found is not None
        return found

    def cancel(self, job: str, *, grace: int | None = None) -> CancelVerdict:
        return self.store.do(Cancel(tenant=TENANT, job=job, reason=None, grace=grace)).verdict

    def sweep(self, lease_ms: int) -> None:
        """Do what the gateway's sweeper does every second."""
        self.store.do(Tick(tenant=TENANT, lease=lease_ms))
        for message, _ in self.store.do(Sweep(tenant=TENANT, limit=100)).publish:
            self.publish(message)
            self.store.do(
                Confirm(tenant=TENANT, job=message.job, dispatch=message.options.dispatch)
            )

    def close(self) -> None:
        for worker in self._workers:
            if worker.process.poll() is None:
                worker.kill()
        self.store.close()

    @contextmanager
    def _channel(self) -> Iterator[Any]:
        connection = pika.BlockingConnection(pika.URLParameters(self.amqp_url))
        try:
            yield connection.channel()
        finally:
            connection.close()


def _free_port() -> int:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        return int(taken.getsockname()[1])
