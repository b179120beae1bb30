"""Calls to watchers: a mistake of one is not all the others'."""

from collections.abc import Iterable

import structlog

from shared.stream.audience import Tenant, Watcher
from shared.stream.place import Place

log = structlog.get_logger()


def disturb(job: str, watchers: Iterable[Watcher]) -> int:
    """Tell these that events of a job may be lost; return how many they are."""
    disturbed = tuple(watchers)
    for watcher in disturbed:
        try:
            watcher.disturbed(job)
        except Exception:  # one watcher is not all
            log.exception("watcher_failed", job_id=job)
    return len(disturbed)


def disturb_feed(entry: Tenant) -> int:
    """Tell who follows a tenant that events may be lost; return how many they are."""
    disturbed = tuple(entry.feed)
    for watcher in disturbed:
        try:
            watcher.feed_disturbed()
        except Exception:  # one watcher is not all
            log.exception("watcher_failed")
    return len(disturbed)


def hand(watcher: Watcher, job: str, place: Place | None) -> None:
    """Hand one the place that it asked for."""
    try:
        watcher.placed(job, place)
    except Exception:  # one watcher is not all
        log.exception("watcher_failed", job_id=job)
