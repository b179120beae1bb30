"""Dramatiq 2.2.1 as its documentation sets it up, with publisher confirms on."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from dramatiq import Message
from dramatiq.brokers.rabbitmq import RabbitmqBroker

from tests.faults.mailman import channel
from tests.faults.stock.misdeeds import MARKS_VARIABLE, Marks
from tests.faults.stock.sides import staged
from tests.nodes import Rabbit, Redis

ROOT = Path(__file__).parents[3]
APPLICATION = "tests.faults.stock.stock_jobs"


class StockCrew:
    """One `dramatiq` command: a master and its worker processes."""

    def __init__(self, *, processes: int, threads: int, log: Path, env: dict[str, str]) -> None:
        counts = ["--processes", str(processes), "--threads", str(threads)]
        self._command = [sys.executable, "-m", "dramatiq", APPLICATION, *counts]
        self._log, self._env = log, env
        self._process = self._launch()

    def told_to_stop(self) -> None:
        self._process.send_signal(signal.SIGTERM)
        staged(lambda: "Shutting down..." in self._log.read_text())

    def kill(self) -> None:
        try:
            os.killpg(self._process.pid, signal.SIGKILL)
        except ProcessLookupError:
            return
        finally:
            self._process.wait()

    def was_refused(self) -> bool:
        return "NACKed" in self._log.read_text()

    def revive(self) -> None:
        if self._process.poll() is not None:
            self.kill()
            self._process = self._launch()

    def _launch(self) -> "subprocess.Popen[bytes]":
        with self._log.open("ab") as log:
            return subprocess.Popen(
                self._command, cwd=ROOT, env=self._env, stderr=log, start_new_session=True
            )


class Stock:
    """Its command line, its broker, its default middleware; nothing of ours."""

    work_queue = "default"
    delay_queues = r"\.DQ$"

    def __init__(self, rabbitmq: Rabbit, amqp_url: str, redis: Redis, folder: Path) -> None:
        self.rabbitmq, self.redis, self.amqp_url = rabbitmq, redis, amqp_url
        self.vhost = urlsplit(amqp_url).path.lstrip("/")
        self.marks = Marks(folder)
        self._crews: list[StockCrew] = []
        self._processes = 0
        with self._broker() as broker:
            broker.declare_queue(self.work_queue, ensure=True)

    def start(self, *, slots: int, processes: int = 1) -> StockCrew:
        env = {
            **os.environ,
            "STOCK_AMQP_URL": self.amqp_url,
            "STOCK_REDIS_URL": self.redis.url,
            MARKS_VARIABLE: str(self.marks.folder),
        }
        log = self.marks.folder / f"stock-{len(self._crews)}.log"
        crew = StockCrew(processes=processes, threads=slots // processes, log=log, env=env)
        self._crews.append(crew)
        self._processes += processes
        staged(lambda: self._consumers() == [self._processes] * 2)
        return crew

    def submit(self, kind: str, name: str) -> str:
        message: Message[None] = Message(
            queue_name=self.work_queue,
            actor_name=kind,
            args=(),
            kwargs={"name": name},
            options={},
        )
        with self._broker() as broker:
            broker.enqueue(message)
        return message.message_id

    def dead_letter(self, job: str) -> str | None:
        with channel(self.amqp_url) as looking:
            while True:
                _, properties, body = looking.basic_get(f"{self.work_queue}.XQ")
                if body is None or properties is None:
                    return None
                if json.loads(body)["message_id"] == job:
                    return f"{properties.headers} {body.decode()}"

    def housekeeping(self) -> None:
        """There is none."""

    def close(self) -> None:
        for crew in self._crews:
            crew.kill()

    def _consumers(self) -> list[int]:
        """Count who consumes the work queue and its delay queue."""
        with channel(self.amqp_url) as asking:
            names = (self.work_queue, f"{self.work_queue}.DQ")
            told = [asking.queue_declare(name, passive=True) for name in names]
            return [answer.method.consumer_count for answer in told]

    @contextmanager
    def _broker(self) -> Iterator[RabbitmqBroker]:
        """What a client of a stock application uses."""
        broker = RabbitmqBroker(url=self.amqp_url, confirm_delivery=True)
        try:
            yield broker
        finally:
            broker.close()
