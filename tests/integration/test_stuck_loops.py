"""A service whose event loop is stuck ends itself and says where: an orchestrator starts another.

The worker's is tests/faults/test_stuck_workers.py.
"""

import os
import subprocess
import sys

import pytest

from deploy.local.ports import free_port
from shared.runtime.watchdog import EXIT_STATUS

APPS = {
    "gateway": (
        "from services.gateway.settings import GatewaySettings\n"
        "from services.gateway.wiring import build\n"
        "app = build(GatewaySettings()).app\n"
    ),
    "notifier": (
        "from services.notifier.settings import NotifierSettings\n"
        "from services.notifier.wiring import wire\n"
        "app = wire(NotifierSettings()).app\n"
    ),
}
# Starts the app as a server does, and then never lets the loop go on.
STUCK = """
import asyncio, time
told = [{"type": "lifespan.startup"}]
async def receive():
    if told:
        return told.pop()
    time.sleep(60)
async def send(message):
    assert "failed" not in message["type"], message
asyncio.run(app({"type": "lifespan", "asgi": {"version": "3.0"}, "state": {}}, receive, send))
"""
END_SECONDS = 20.0


@pytest.mark.parametrize("service", APPS)
def test_a_stuck_loop_ends_its_process_and_the_log_says_where(service: str) -> None:
    nowhere = free_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("WAYMARK_")}
    told = {
        "WAYMARK_REDIS_URL": f"redis://127.0.0.1:{nowhere}/0",
        "WAYMARK_AMQP_URL": f"amqp://guest:guest@127.0.0.1:{nowhere}/%2F",
        "WAYMARK_TOKEN_SECRET": "a secret of the tests, long enough to sign with",
        "WAYMARK_WATCHDOG_SECONDS": "1",
    }
    command = [sys.executable, "-c", APPS[service] + STUCK]
    with subprocess.Popen(
        command, env=clean | told, stdout=subprocess.PIPE, stderr=subprocess.STDOUT
    ) as process:
        try:
            said = process.communicate(timeout=END_SECONDS)[0].decode()
        finally:
            process.kill()

    assert process.returncode == EXIT_STATUS, said
    assert "event_loop_stuck" in said
    assert "time.sleep(60)" in said or "in receive" in said
