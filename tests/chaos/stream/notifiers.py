"""Real notifiers, from a copy of the code (perhaps with a rule switched off), to be broken."""

import os
import sys
import time
import urllib.request
from pathlib import Path

from deploy.local.ports import free_port
from deploy.local.process import Process
from tests.eventually import eventually
from tests.notifier_process import SECRET

START_SECONDS = 30.0
DRAIN_SECONDS = 45.0


class Notifier:
    """One of them; keeps its port across restarts."""

    def __init__(self, name: str, redis_url: str, folder: Path, code: Path, **more: str) -> None:
        self.port = free_port()
        self.url = f"ws://127.0.0.1:{self.port}/v1/stream"
        self.process = Process(name, run=folder, log=folder / f"{name}.log")
        self._code = code
        self._env = {
            **{k: v for k, v in os.environ.items() if not k.startswith("WAYMARK_")},
            "WAYMARK_REDIS_URL": redis_url,
            "WAYMARK_NOTIFIER_PORT": str(self.port),
            "WAYMARK_TOKEN_SECRET": SECRET,
            **more,
        }

    def start(self) -> None:
        command = [sys.executable, "-m", "services.notifier"]
        self.process.start(command, env=self._env, cwd=self._code)
        eventually(lambda: "waymark" in self.ask("/metrics"), within=START_SECONDS)

    def kill(self, seconds: float) -> None:
        self.process.kill()
        time.sleep(seconds)
        self.start()

    def freeze(self, seconds: float) -> None:
        self.process.freeze()
        time.sleep(seconds)
        self.process.thaw()

    def deploy(self) -> None:
        """Stop it as a deploy would and start it again."""
        assert self.process.stop(within=DRAIN_SECONDS), f"{self.process.name} did not drain"
        self.start()

    def ask(self, path: str) -> str:
        """Return the body of an answer; "" while there is none."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}{path}", timeout=3) as told:
                return str(told.read().decode())
        except OSError:
            return ""
