"""A copy of the house's code that is made to die at one step, or to keep one rule no more.

Nothing in the house knows of it: a copy is patched in a test's folder and run from there
(`House(code=…)`). A patch whose anchor is gone says so: then the rule has moved, and so must this.
"""

import shutil
from dataclasses import dataclass
from pathlib import Path

from deploy.local.service import REPO

PACKAGES = ("services", "shared")
ARMED_VARIABLE = "CRASH_FILE"

_HOOK = '''"""Ends this process at the step that is armed, once."""

import os
import sys


def crash_point(step: str) -> None:
    service = getattr(sys.modules["__main__"].__spec__, "parent", "").rpartition(".")[2]
    file = os.environ["CRASH_FILE"]
    try:
        with open(file) as armed:
            if armed.read() != f"{service} {step}":
                return
        os.unlink(file)
    except FileNotFoundError:
        return
    os._exit(137)
'''

_STORE = """

from shared.crash_points import crash_point as _crash_point


def _step_of(operation, answer):
    name = type(operation).__name__
    return f"{name} that publishes" if getattr(answer, "publish", None) else name

"""
_ASYNC_STORE = """
_do = AsyncRedisStore.do


async def _do_or_die(self, operation):
    _crash_point(f"before {type(operation).__name__}")
    answer = await _do(self, operation)
    _crash_point(f"after {_step_of(operation, answer)}")
    return answer


AsyncRedisStore.do = _do_or_die
"""
_SYNC_STORE = """
_do = RedisStore.do


def _do_or_die(self, operation):
    _crash_point(f"before {type(operation).__name__}")
    answer = _do(self, operation)
    _crash_point(f"after {_step_of(operation, answer)}")
    return answer


RedisStore.do = _do_or_die
"""
_PUBLISHER = """

from shared.crash_points import crash_point as _crash_point

_publish, _publish_later = PikaPublisher.publish, PikaPublisher.publish_later
_publish_many = PikaPublisher.publish_many


async def _publish_or_die(self, message):
    _crash_point("before publish")
    await _publish(self, message)
    _crash_point("after publish")


async def _publish_later_or_die(self, message, *, delay_ms):
    _crash_point("before publish_later")
    await _publish_later(self, message, delay_ms=delay_ms)
    _crash_point("after publish_later")


async def _publish_many_or_die(self, messages):
    step = "publish_later" if any(delay for _, delay in messages) else "publish"
    _crash_point(f"before {step}")
    fates = await _publish_many(self, messages)
    _crash_point(f"after {step}")
    return fates


PikaPublisher.publish, PikaPublisher.publish_later = _publish_or_die, _publish_later_or_die
PikaPublisher.publish_many = _publish_many_or_die
"""
_STORES = Path("shared/adapters/store_redis")


@dataclass(frozen=True)
class Patch:
    """In `file` (below the copy) `old`, found exactly once, becomes `new`."""

    file: str
    old: str
    new: str


# Each switches one rule off, and the suite must notice.
NO_FENCE = (
    Patch(
        "shared/adapters/store_redis/lua/heartbeat.lua",
        "if job.state == 'running' and job.token == token then",
        "if job.state == 'running' then",
    ),
    Patch(
        "shared/adapters/store_redis/lua/settle.lua",
        "if job.state ~= 'running' or job.token ~= token then return",
        "if job.state ~= 'running' then return",
    ),
)
NO_OUTBOX = (
    Patch(
        "shared/adapters/store_redis/lua/move.lua",
        "  enlist(OUTBOX, text(at), id)\n",
        "",
    ),
)
NO_FREEZE = (
    Patch(
        "services/worker/slots/nursery.py",
        "            if stale == slot.frozen:\n",
        "            if True:\n",
    ),
)
NO_CONFIRM = (
    Patch(
        "shared/adapters/publisher_pika/publisher.py",
        "                await batch.known()\n",
        "                for place in range(len(messages)):\n"
        "                    batch.tell(place, None)\n",
    ),
)


def copy_of_the_code(folder: Path, *patches: Patch) -> Path:
    """Copy what the services need into `folder` and patch it.

    Raises:
        AssertionError: an anchor is not there exactly once.
    """
    for package in PACKAGES:
        shutil.copytree(
            REPO / package, folder / package, ignore=shutil.ignore_patterns("__pycache__")
        )
    for patch in patches:
        file = folder / patch.file
        text = file.read_text()
        assert text.count(patch.old) == 1, f"{patch.file} has changed: look for {patch.old!r}"
        file.write_text(text.replace(patch.old, patch.new))
    return folder


def copy_with_crash_points(folder: Path, *patches: Patch) -> Path:
    """Copy the code so that it dies before or after the step that the crash file names."""
    copy_of_the_code(folder, *patches)
    (folder / "shared" / "crash_points.py").write_text(_HOOK)
    for file, text in (
        (_STORES / "aio.py", _STORE + _ASYNC_STORE),
        (_STORES / "sync.py", _STORE + _SYNC_STORE),
        (Path("shared/adapters/publisher_pika/publisher.py"), _PUBLISHER),
    ):
        with (folder / file).open("a") as source:
            source.write(text)
    return folder
