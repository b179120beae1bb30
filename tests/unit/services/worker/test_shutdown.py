"""The first signal asks, the second hurries; in a process of its own."""

import signal
import subprocess
import sys

PROGRAM = """
import os
from services.worker.shutdown import Shutdown

shutdown = Shutdown()
def say(words):  # in one piece: two threads speak
    os.write(1, words + b"\\n")

shutdown.when_told(lambda: say(b"told"))
shutdown.install()
say(b"up")
shutdown.asked.wait(20)
say(b"asked" if not shutdown.hurried.is_set() else b"hurried too soon")
shutdown.hurried.wait(20)
say(b"hurried")
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
