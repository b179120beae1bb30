"""A real notifier on a port of its own, and what a test needs to talk to it."""

import os
import signal
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Iterable
from pathlib import Path

from deploy.local.ports import free_port
from shared.contracts.tokens import Grant, mint
from tests.eventually import eventually

SECRET = "a secret of the tests, long enough to sign with"
ROOT = Path(__file__).parent.parent
START_SECONDS = 20.0


def token_for(
    jobs: Iterable[str],
    *,
    tenant: str = "acme",
    ttl: int = 600,
    feed: bool = False,
    id: str = "",  # noqa: A002 - as the grant calls it
    key: str = "",
) -> str:
    now = int(time.time())
    grant = Grant(
        tenant=tenant, jobs=frozenset(jobs), expires_at=now + ttl, feed=feed, id=id, key=key
    )
    return mint(grant, secret=SECRET, now=now)


class NotifierProcess:
    """`python -m services.notifier`; keeps its port across restarts."""

    def __init__(self, redis_url: str, log: Path, **settings: str) -> None:
        self.port = free_port()
        self.url = f"ws://127.0.0.1:{self.port}/v1/stream"
        self._log = log
        self._environment = {
            **os.environ,
            "WAYMARK_REDIS_URL": redis_url,
            "WAYMARK_NOTIFIER_PORT": str(self.port),
            "WAYMARK_TOKEN_SECRET": SECRET,
            **settings,
        }
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def log(self) -> str:
        return self._log.read_text()

    @property
    def pid(self) -> int:
        assert self._process is not None
        return self._process.pid

    def start(self) -> None:
        with self._log.open("ab") as log:
            self._process = subprocess.Popen(
                [sys.executable, "-m", "services.notifier"],
                env=self._environment, cwd=ROOT, stderr=log, stdout=log,
            )  # fmt: skip
        eventually(lambda: self.answer("/live")[0] == 200, within=START_SECONDS)

    def kill(self) -> None:
        self._end(signal.SIGKILL)

    def stop(self) -> int:
        return self._end(signal.SIGTERM)

    def terminate(self) -> None:
        """Send SIGTERM and go on."""
        self._signal(signal.SIGTERM)

    def freeze(self) -> None:
        self._signal(signal.SIGSTOP)

    def thaw(self) -> None:
        self._signal(signal.SIGCONT)

    def answer(self, path: str) -> tuple[int, str]:
        """Status and body; (0, "") while it does not listen."""
        url = f"http://127.0.0.1:{self.port}{path}"
        try:
            with urllib.request.urlopen(url, timeout=3) as answer:
                return answer.status, answer.read().decode()
        except urllib.error.HTTPError as refusal:
            with refusal:
                return refusal.code, refusal.read().decode()
        except OSError:
            return 0, ""

    def _signal(self, number: signal.Signals) -> None:
        assert self._process is not None
        self._process.send_signal(number)

    def _end(self, number: signal.Signals) -> int:
        if self._process is None:
            return 0
        self._process.send_signal(number)
        return self._process.wait(20)
