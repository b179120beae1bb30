"""Which job types a worker warns of, and how a broker's complaint about one is recognised."""

from collections.abc import Mapping
from typing import Any

import msgspec
import pytest
from structlog.testing import capture_logs

from services.worker.intake.long_jobs import LongJobs, broker_patience, is_timeout, outlasting
from shared.contracts.catalog import CatalogEntry
from tests.fakes.slots import entry

HOUR = 3600.0
DAY = 24 * HOUR


def limited(name: str, hard: float | None, *, soft: float | None = None) -> CatalogEntry:
    plain = entry(name)
    limits = msgspec.structs.replace(
        plain.limits, time_limit_seconds=hard, soft_time_limit_seconds=soft
    )
    return msgspec.structs.replace(plain, limits=limits)


def threaded(name: str, *, soft: float | None) -> CatalogEntry:
    return msgspec.structs.replace(limited(name, None, soft=soft), isolation="thread")


@pytest.mark.parametrize(
    ("version", "seconds"),
    [
        ("3.10.8", 1800.0),
        ("3.9.29", 1800.0),
        ("3.12.0", DAY),
        ("4.0.5", DAY),
        ("4.1.0-rc.1", DAY),
        ("", 1800.0),
        ("unknown", 1800.0),
    ],
)
def test_only_a_broker_since_3_12_obeys_what_the_queue_says(version: str, seconds: float) -> None:
    assert broker_patience(version, node_seconds=1800.0) == seconds


def test_types_that_may_outlast_it_are_named_the_longest_first() -> None:
    entries = [
        limited("short", 1800.0),
        limited("long", 1800.1),
        limited("longer", HOUR),
        limited("endless", None),
    ]

    assert outlasting(entries, 1800.0) == ["endless", "longer", "long"]


def test_a_thread_is_judged_by_its_soft_limit_alone() -> None:
    entries = [threaded("none", soft=None), threaded("soft", soft=HOUR)]

    assert outlasting(entries, 1800.0) == ["soft"]


def warnings(jobs: LongJobs, *versions: str) -> list[Mapping[str, Any]]:
    with capture_logs() as lines:
        for version in versions:
            jobs.meet(version)
    return list(lines)


def test_the_warning_comes_once_however_many_connections_there_are() -> None:
    told = warnings(LongJobs([limited("a", HOUR)], node_seconds=1800), "3.10.8", "3.10.8")

    assert [line["event"] for line in told] == ["consumer_timeout_short"]
    assert told[0]["longest_type"] == "a"
    assert "WAYMARK_CONSUMER_TIMEOUT_SECONDS" in told[0]["remedy"]


def test_nothing_is_said_where_the_broker_waits_long_enough() -> None:
    assert warnings(LongJobs([limited("a", HOUR)], node_seconds=1800), "4.0.5") == []
    assert warnings(LongJobs([limited("a", HOUR)], node_seconds=HOUR), "3.10.8") == []


def test_only_the_complaint_about_a_late_answer_is_taken_for_one() -> None:
    assert is_timeout(
        "PRECONDITION_FAILED - delivery acknowledgement on channel 1 timed out. Timeout value used:"
        " 3000 ms. This timeout value can be configured, see consumers doc guide to learn more"
    )
    assert not is_timeout("PRECONDITION_FAILED - unknown delivery tag 7")
