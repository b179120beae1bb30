"""Our worker with its store and broker; the test takes the sweeper's turns."""

import json
import signal
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from shared.contracts.topology import DEAD_LETTER_QUEUE, work_queue
from tests.faults.mailman import copies
from tests.faults.stock.house_jobs import MAX_ATTEMPTS, MAX_ATTEMPTS_ELSE
from tests.faults.stock.misdeeds import MARKS_VARIABLE, Marks
from tests.faults.stock.sides import staged
from tests.integration.worker_running import House, RunningWorker
from tests.nodes import Rabbit, Redis

JOBS = "tests.faults.stock.house_jobs"
LEASE_MS = 15_000
DRAIN_SECONDS = 60  # stock Dramatiq gives 600


class OurCrew:
    """One worker process with its slots."""

    def __init__(self, worker: RunningWorker, log: Path) -> None:
        self._worker, self._log = worker, log

    def told_to_stop(self) -> None:
        self._worker.told(signal.SIGTERM)
        staged(lambda: "draining" in str(self._worker.probe("ready")))

    def kill(self) -> None:
        self._worker.kill()

    def was_refused(self) -> bool:
        return "The broker refused the message" in self._log.read_text()

    def revive(self) -> None:
        assert self._worker.process.poll() is None, "no job may take our worker down"


class Ours:
    """The house as its workers see it."""

    work_queue = work_queue("default", priority=5)
    delay_queues = r"^waymark\.delay\."

    def __init__(self, rabbitmq: Rabbit, amqp_url: str, redis: Redis, folder: Path) -> None:
        self.rabbitmq, self.redis, self.amqp_url = rabbitmq, redis, amqp_url
        self.vhost = urlsplit(amqp_url).path.lstrip("/")
        self.marks = Marks(folder)
        self._house = House(amqp_url, redis.url, folder)
        self._workers = 0

    def start(self, *, slots: int, processes: int = 1) -> OurCrew:
        """Start one worker whatever `processes` says: each slot is a process anyway."""
        settings: dict[str, Any] = {
            "slots": slots,
            "jobs": JOBS,
            "drain_seconds": DRAIN_SECONDS,
            MARKS_VARIABLE.removeprefix("WAYMARK_").lower(): self.marks.folder,
        }
        worker = self._house.start_worker(**settings)
        self._workers += 1
        return OurCrew(worker, self.marks.folder / f"worker-{self._workers - 1}.log")

    def submit(self, kind: str, name: str) -> str:
        attempts = MAX_ATTEMPTS.get(kind, MAX_ATTEMPTS_ELSE)
        return self._house.submit(kind, max_attempts=attempts, name=name)

    def dead_letter(self, job: str) -> str | None:
        record = self._house.read(job)
        bodies = copies(self.amqp_url, DEAD_LETTER_QUEUE)
        letters = {json.loads(body)["message_id"] for body in bodies}
        if record.dead_letter is None or job not in letters:
            return None
        return f"{record.dead_letter.reason} {record.error}"

    def housekeeping(self) -> None:
        self._house.sweep(LEASE_MS)

    def close(self) -> None:
        self._house.close()
