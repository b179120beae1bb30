"""The first signal asks, the second hurries; in a process of its own."""

import signal
import subprocess
import sys

PROGRAM = """
from services.worker.shutdown import Shutdown

shutdown = Shutdown()
shutdown.when_told(lambda: print("told", flush=True))
shutdown.install()
print("up", flush=True)
shutdown.asked.wait(20)
print("asked", shutdown.hurried.is_set(), flush=True)
shutdown.hurried.wait(20)
print("hurried", flush=True)
"""


def test_the_first_signal_asks_and_the_second_hurries() -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        assert {process.stdout.readline(), process.stdout.readline()} == {"asked False\n", "told\n"}
        process.send_signal(signal.SIGINT)
        assert {process.stdout.readline(), process.stdout.readline()} == {"hurried\n", "told\n"}
    assert process.returncode == 0
