"""The first signal asks, the second hurries; in a process of its own."""

import signal
import subprocess
import sys

PROGRAM = """
import os
import threading
from services.worker.house.shutdown import Shutdown

shutdown = Shutdown()
told = threading.Semaphore(0)

def say(words):  # in one piece: two threads speak
    os.write(1, words + b"\\n")

def tell():
    say(b"told")
    told.release()

shutdown.when_told(tell)
shutdown.install()
say(b"up")
shutdown.asked.wait(20)
say(b"asked" if not shutdown.hurried.is_set() else b"hurried too soon")
shutdown.hurried.wait(20)
say(b"hurried")
for _ in range(2):
    told.acquire(timeout=20)
"""


def test_the_first_signal_asks_and_the_second_hurries() -> None:
    process = subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True)
    with process:
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGTERM)
        assert {process.stdout.readline(), process.stdout.readline()} == {"asked\n", "told\n"}
        process.send_signal(signal.SIGINT)
        assert {process.stdout.readline(), process.stdout.readline()} == {"hurried\n", "told\n"}
    assert process.returncode == 0
