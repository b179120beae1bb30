"""The log of a process: JSON lines that give no secret away. Run in a process of its own."""

import errno
import io
import json
import math
import subprocess
import sys

import pytest

from shared.runtime import logs

PROGRAM = """
import logging
import structlog
from shared.runtime import logs

logs.configure("gateway", "INFO")
{}
"""


def lines_of(statements: str) -> list[dict[str, object]]:
    """Run `statements` in a process that logs; return its log lines."""
    done = subprocess.run(
        [sys.executable, "-c", PROGRAM.format(statements)],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )
    return [json.loads(line) for line in done.stderr.splitlines()]


def test_a_line_names_its_service_level_time_and_facts() -> None:
    (line,) = lines_of('structlog.get_logger().info("job_settled", attempt=2)')

    assert str(line.pop("at")).endswith("Z")
    assert line == {"service": "gateway", "level": "info", "event": "job_settled", "attempt": 2}


def test_the_standard_library_speaks_through_the_same_pipeline() -> None:
    (line,) = lines_of('logging.getLogger("uvicorn.error").info("started %d", 7)')

    assert (line["event"], line["service"], line["level"]) == ("started 7", "gateway", "info")


def test_talkative_libraries_are_heard_only_where_our_own_events_do_not_tell() -> None:
    lines = lines_of(
        'logging.getLogger("pika.connection").error("once more for each try")\n'
        'logging.getLogger("dramatiq.worker").info("dull")\n'
        'logging.getLogger("pika.connection").critical("of interest")\n'
        'logging.getLogger("dramatiq.worker").warning("that too")'
    )

    assert [line["event"] for line in lines] == ["of interest", "that too"]


def test_the_level_is_obeyed() -> None:
    assert lines_of('structlog.get_logger().debug("too fine")') == []


def test_passwords_keys_and_tokens_are_masked_wherever_they_stand() -> None:
    (line,) = lines_of(
        'structlog.get_logger().info("x", url="redis://u:hunter2@h:1/0", '
        'deep={"key": ["wm_ab12_s3cr3t-_x"]}, why="bad eyJhbGciOi.eyJpc3MiOi.c2ln-_x token")'
    )

    assert line["url"] == "redis://u:***@h:1/0"
    assert line["deep"] == {"key": ["wm_ab12_***"]}
    assert line["why"] == "bad *** token"


def test_a_traceback_shows_no_local_variables() -> None:
    (line,) = lines_of(
        "def work(payload):\n    raise ValueError\n"
        "try:\n    work('card number')\n"
        "except ValueError:\n    structlog.get_logger().exception('job_crashed')"
    )

    assert "ValueError" in str(line["exception"])
    assert "in work" in str(line["exception"])
    assert "payload=" not in str(line)


def test_lines_are_counted_from_warnings_on_whoever_writes_them() -> None:
    *_, said = lines_of(
        "log = structlog.get_logger()\n"
        'log.info("dull"); log.warning("a"); log.error("b"); log.critical("c")\n'
        'logging.getLogger("uvicorn.error").error("theirs")\n'
        'logging.getLogger("pika.connection").error("not written, so not counted")\n'
        'log.info("counted", **logs.tally.counts)'
    )

    assert [said[level] for level in ("warning", "error", "critical")] == [1, 2, 1]


def test_a_process_forked_while_a_line_is_counted_can_log() -> None:
    lines = lines_of(
        "import os, threading, time\n"
        "held, free, main = threading.Event(), threading.Event(), threading.main_thread()\n"
        "class Slow(dict):\n"
        "    def __setitem__(self, level, count):\n"
        "        if threading.current_thread() is not main:\n"
        "            held.set(); free.wait(10)\n"
        "        super().__setitem__(level, count)\n"
        "object.__setattr__(logs.tally, 'counts', Slow(logs.tally.counts))\n"
        "log = structlog.get_logger()\n"
        "other = threading.Thread(target=log.warning, args=('other',))\n"
        "other.start(); held.wait(10)\n"
        "child = os.fork()\n"
        "if not child:\n"
        "    log.warning('forked'); os._exit(0)\n"
        "ended = 0\n"
        "for _ in range(200):\n"
        "    ended = ended or os.waitpid(child, os.WNOHANG)[0]\n"
        "    time.sleep(0 if ended else 0.01)\n"
        "ended or os.kill(child, 9)\n"
        "free.set(); other.join()"
    )

    assert [line["event"] for line in lines] == ["forked", "other"]


STEP = (
    "from shared.runtime import job_lines\n"
    "from tests.fakes.jobs import record\n"
    "job = record(submitted_by='key:dev', traceparent='00-' + '0a' * 16 + '-' + '0b' * 8 + '-01')\n"
    "job_lines.tell_all('job_accepted', [job, job])\n"
    "job_lines.tell('job_succeeded', job, state='succeeded', seconds=0.5)"
)


def test_a_step_of_a_job_is_a_line_like_any_other() -> None:
    first, second, last = lines_of(STEP)

    assert {**first, "at": ""} == {**second, "at": ""}
    assert str(last.pop("at")).endswith("Z")
    assert last == {
        "service": "gateway",
        "level": "info",
        "event": "job_succeeded",
        "job_id": "01938c5e-0000-7000-8000-000000000001",
        "tenant": "acme",
        "type": "demo",
        "queue": "default",
        "state": "succeeded",
        "attempt": 1,
        "dispatch": 1,
        "trace_id": "0a" * 16,
        "submitted_by": "key:dev",
        "seconds": 0.5,
    }


def test_a_house_that_is_told_to_be_quiet_tells_no_steps() -> None:
    assert lines_of(f"logs.configure('gateway', 'WARNING')\n{STEP}") == []


def test_what_pydantic_was_given_stays_out_of_its_errors() -> None:
    (line,) = lines_of(
        "import pydantic\n"
        "class Model(pydantic.BaseModel):\n"
        "    number: int\n"
        "try:\n"
        "    Model(number='planted')\n"
        "except ValueError:\n"
        "    structlog.get_logger().exception('it_broke')"
    )

    assert "planted" not in str(line["exception"]).replace("Model(number='planted')", "")
    assert "int_parsing" in str(line["exception"])


class Full(io.StringIO):
    def write(self, _text: str) -> int:
        raise OSError(errno.ENOSPC, "No space left on device")


def closed() -> io.StringIO:
    stream = io.StringIO()
    stream.close()
    return stream


@pytest.mark.parametrize("stream", [Full(), closed()])
def test_a_line_that_cannot_be_written_stops_nobody(stream: io.StringIO) -> None:
    logs.StraightLines("gateway", stream).write([{"event": "job_accepted"}])


def test_what_a_line_cannot_bear_stops_nobody() -> None:
    stream = io.StringIO()
    lines = logs.StraightLines("gateway", stream)

    lines.write([{"event": "job_redriven", "reason": "\ud800"}])
    lines.write([{"event": "job_redriven", "reason": 'a\n"b\x00', "seconds": math.nan}])

    (line,) = stream.getvalue().splitlines()
    assert json.loads(line)["reason"] == 'a\n"b\x00'
