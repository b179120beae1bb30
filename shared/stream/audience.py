"""Who watches which job, and which reading of it each of them waits for. Pure."""

from collections.abc import Collection
from typing import Final, Protocol

from shared.stream.feed_place import Chapter
from shared.stream.merge import Event
from shared.stream.place import Place

Key = tuple[str, str]  # tenant, job
UNKNOWN: Final = -1


class Watcher(Protocol):
    """Somebody who follows a job; called on the event loop, must not block."""

    def happened(self, job: str, event: Event) -> None:
        """Something happened to a job it watches."""

    def placed(self, job: str, place: Place | None) -> None:
        """The place it asked for was read; None: there is no such job."""

    def disturbed(self, job: str) -> None:
        """Events of this job may have been lost: it must ask for its place."""


class Listener(Protocol):
    """What both have in common."""

    def happened(self, job: str, event: Event) -> None:
        """Something happened to a job."""


class FeedWatcher(Protocol):
    """Somebody who follows all jobs of a tenant; called on the event loop, must not block."""

    def happened(self, job: str, event: Event) -> None:
        """Something happened to any of them."""

    def caught_up(self, chapter: Chapter) -> None:
        """What it asked for was read."""

    def feed_disturbed(self) -> None:
        """Events may have been lost: it must ask what it has missed."""


class Follower(Watcher, FeedWatcher, Protocol):
    """Somebody who may do both."""


class Reading:
    """A place to be read, or being read."""

    __slots__ = ("after_step",)

    def __init__(self, after_step: int) -> None:
        """Wanted with the steps after this one."""
        self.after_step = after_step


Watchers = dict[Watcher, Reading | None]
"""Each with the reading it waits for. Only that one answers it: an earlier one may be older than
an event that the watcher did not get."""


class Tenant:
    """The audience of one tenant."""

    __slots__ = ("epoch", "feed", "idle_since", "jobs", "seq")

    def __init__(self) -> None:
        """Nobody is there yet."""
        self.epoch = ""
        self.seq = UNKNOWN  # of the last event that was heard, or read of, since the last gap
        self.feed: dict[FeedWatcher, None] = {}
        self.idle_since: float | None = None
        self.jobs: dict[str, Watchers] = {}

    def audience(self, job: str) -> Collection[Listener]:
        """Return everybody who hears of a job, each once."""
        watchers = self.jobs.get(job, {})
        return dict.fromkeys((*watchers, *self.feed)) if self.feed else watchers

    @property
    def is_idle(self) -> bool:
        """Whether nobody is there."""
        return not self.jobs and not self.feed


class Wanted:
    """The readings that nobody has begun; each job at most once. Fair to every tenant."""

    def __init__(self) -> None:
        """Nothing is wanted."""
        self._tenants: dict[str, dict[str, Reading]] = {}

    def __bool__(self) -> bool:
        """Whether anything is wanted."""
        return bool(self._tenants)

    def add(self, tenant: str, job: str, after_step: int) -> Reading:
        """Want a job's place with its steps after this one; return the reading to wait for."""
        jobs = self._tenants.setdefault(tenant, {})
        reading = jobs.get(job)
        if reading is None:
            reading = jobs[job] = Reading(after_step)
        reading.after_step = min(after_step, reading.after_step)
        return reading

    def take(self, most: int) -> tuple[str, dict[str, Reading]]:
        """Remove up to `most` of one tenant, and return them; then it is another one's turn.

        Raises:
            KeyError: nothing is wanted.
        """
        tenant = next(iter(self._tenants), "")
        jobs = self._tenants.pop(tenant)
        if len(jobs) <= most:
            return tenant, jobs
        taken = {job: jobs.pop(job) for job in tuple(jobs)[:most]}
        self._tenants[tenant] = jobs
        return tenant, taken
