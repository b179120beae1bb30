"""The watchdog ends a stuck loop and leaves a living one alone."""

import asyncio
import os
import signal
import subprocess
import sys
import threading

from shared.runtime.watchdog import EXIT_STATUS, Watchdog
from tests.eventually import eventually, eventually_async

STUCK = """
import asyncio
import time
from shared.runtime import logs
from shared.runtime.watchdog import Watchdog

async def main():
    dog = Watchdog(asyncio.get_running_loop(), limit_seconds=0.3, interval_seconds=0.05)
    dog.start()
    counting_for_ever()

def counting_for_ever():
    while True:
        pass

logs.configure("test", "INFO")
asyncio.run(main())
"""

FROZEN = """
import asyncio
import os
from shared.runtime.watchdog import Watchdog

async def main():
    dog = Watchdog(asyncio.get_running_loop(), limit_seconds=0.5, interval_seconds=0.05)
    dog.start()
    print("up", flush=True)
    await asyncio.to_thread(input)
    print("alive", flush=True)
    os._exit(0)

asyncio.run(main())
"""


def test_a_stuck_process_ends_and_its_log_shows_where() -> None:
    done = subprocess.run(
        [sys.executable, "-c", STUCK], capture_output=True, text=True, timeout=30, check=False
    )

    assert done.returncode == EXIT_STATUS
    assert "event_loop_stuck" in done.stderr
    assert "counting_for_ever" in done.stderr


def test_a_process_that_was_frozen_as_a_whole_is_not_stuck() -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", FROZEN], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    with process:
        assert process.stdin is not None
        assert process.stdout is not None
        assert process.stdout.readline() == "up\n"
        process.send_signal(signal.SIGSTOP)
        threading.Event().wait(1.0)  # twice its limit
        process.send_signal(signal.SIGCONT)

        process.stdin.write("\n")
        process.stdin.flush()
        assert process.stdout.readline() == "alive\n"
    assert process.returncode == os.EX_OK


async def test_a_living_loop_is_measured_and_left_alone() -> None:
    ends: list[int] = []
    dog = Watchdog(
        asyncio.get_running_loop(), limit_seconds=2, interval_seconds=0.01, end=ends.append
    )
    dog.start()

    async def was_measured() -> bool:
        return dog.lag_seconds > 0

    await eventually_async(was_measured)
    dog.stop()
    assert ends == []


def test_a_loop_closed_without_a_word_ends_the_watch() -> None:
    loop = asyncio.new_event_loop()
    ends: list[int] = []
    Watchdog(loop, limit_seconds=2, interval_seconds=0.01, end=ends.append).start()
    loop.close()

    eventually(lambda: "watchdog" not in {thread.name for thread in threading.enumerate()})
    assert ends == []
