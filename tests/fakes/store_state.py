"""What the fake store remembers of one tenant, and the one way a job moves in it."""

import hashlib
import json
import re
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from typing import Any

from shared.contracts.answers import Step
from shared.contracts.commands import RunJob
from shared.contracts.feed import KEPT_TRANSITIONS
from shared.contracts.job import (
    DEFAULT_RETENTION,
    Attempt,
    DeadLetter,
    DeadLetterReason,
    Discarded,
    JobRecord,
    Outcome,
)
from shared.contracts.lifecycle import FINAL_STATES, Event, State, next_state
from shared.contracts.topology import work_queue

OUTBOX_PATIENCE = 5_000
KEY_LIFE = 24 * 3_600_000
MOST_STEPS = 1_000
TEN_MINUTES = 600_000
_marks = count(1)


@dataclass(kw_only=True)
class Job:
    """One job's record, steps and attempts."""

    id: str
    tenant: str
    type: str
    type_version: int
    queue: str
    priority: int
    payload: str
    max_attempts: int
    labels: dict[str, str]
    submitted_by: str
    created_at: int
    made_in: str | None
    run_at: int | None = None
    expires_at: int | None = None
    traceparent: str | None = None
    tracestate: str | None = None
    key_hash: str | None = None
    also_keys: list[str] = field(default_factory=list)
    keyed_at: int | None = None
    retention: int = DEFAULT_RETENTION
    unique_key: str | None = None
    callback_url: str | None = None
    dispatch: int = 1
    spent: int = 0
    crashes: int = 0
    state: State | None = None
    revision: int = 0
    step: int = 0
    attempt: int = 0
    spent_all: int = 0
    losses: int = 0
    redrives: int = 0
    number: int = 0
    handed: int = 0
    dispatched_at: int = 0
    result: str | None = None
    error: str | None = None
    public_error: str | None = None
    progress: str | None = None
    checkpoint: str | None = None
    started_at: int | None = None
    attempt_at: int = 0
    finished_at: int | None = None
    retry_at: int | None = None
    cancel_requested_at: int | None = None
    cancel_grace: int | None = None
    stopped_by: str | None = None
    dead_letter: DeadLetter | None = None
    discarded: Discarded | None = None
    redriven: tuple[str, int] | None = None  # turn, dispatch
    token: str | None = None
    worker: str = ""
    settled_token: str | None = None
    settled: tuple[State, int, int] | None = None  # state, dispatch, delay
    verdict_token: str | None = None
    verdict: str = ""
    attempts: list[Attempt] = field(default_factory=list)
    steps: list[Step] = field(default_factory=list)

    @property
    def final(self) -> bool:
        return self.state in FINAL_STATES

    def is_worn_out(self, more: int = 0) -> bool:
        return self.step + 4 + more > MOST_STEPS

    @property
    def due_at(self) -> int | None:
        return self.retry_at if self.state is State.RETRYING else self.run_at

    def record(self, epoch: str) -> JobRecord:
        assert self.state is not None
        ended = self.attempts
        if self.state is State.RUNNING:
            ended = [
                *ended,
                Attempt(
                    number=self.attempt,
                    started_at=self.attempt_at,
                    finished_at=None,
                    outcome=None,
                    error=None,
                    worker=self.worker,
                ),
            ]
        names = set(JobRecord.__struct_fields__) - {"epoch", "attempts"}
        facts = {name: getattr(self, name) for name in names}
        return JobRecord(epoch=epoch, attempts=tuple(ended), **facts)


@dataclass(kw_only=True)
class Tenant:
    """Everything of one tenant."""

    name: str
    born: str = field(default_factory=lambda: str(next(_marks)))
    born_at: int
    history: str
    changed_at: int | None = None
    windows: list[tuple[int, int]] = field(default_factory=list)
    tick: int | None = None
    hold_until: int = 0
    lease: int = 15_000
    seq: int = 0
    unborn: bool = False
    stale: bool = False  # of another history than the store has now
    feed: list[tuple[int, str, int]] = field(default_factory=list)  # seq, job, step
    now: int = 0
    jobs: dict[str, Job] = field(default_factory=dict)
    outbox: dict[str, int] = field(default_factory=dict)
    leases: dict[str, int] = field(default_factory=dict)
    due: dict[str, int] = field(default_factory=dict)
    waits: dict[str, dict[str, int]] = field(default_factory=dict)  # by AMQP queue
    handed: dict[str, int] = field(default_factory=dict)
    bound: dict[str, dict[str, object]] = field(default_factory=dict)
    tombs: dict[str, int] = field(default_factory=dict)
    kept: dict[str, int] = field(default_factory=dict)  # ended jobs, until when
    gone: set[str] = field(default_factory=set)  # tombstones that retention left
    uniques: dict[str, str] = field(default_factory=dict)
    callbacks: dict[tuple[str, int], int] = field(default_factory=dict)
    undecodables: dict[str, bytes] = field(default_factory=dict)
    campaigns: dict[str, Any] = field(default_factory=dict)  # see store_letters.py
    published: list[tuple[str, str]] = field(default_factory=list)

    @property
    def epoch(self) -> str:
        return hashlib.sha1((self.history + self.born).encode()).hexdigest()[:8]

    def enter(self, now: int, history: str) -> None:
        self.now = now
        if history != self.history:
            seen_alive = self.tick or self.changed_at or self.born_at
            self.windows.append((seen_alive, now))
            self.history = history
            self.changed_at = now

    def grace_left(self, made_in: str | None, lease: int) -> int:
        if made_in == self.epoch:
            return 0
        return max(0, max(self.born_at, self.changed_at or 0) + lease - self.now)

    def forgot(self, recorded_at: int) -> bool:
        return recorded_at <= self.born_at or any(
            seen_alive - TEN_MINUTES <= recorded_at <= noticed
            for seen_alive, noticed in self.windows
        )

    def create(self, message: RunJob, made_in: str | None) -> Job:
        options = message.options
        job = Job(
            id=message.job,
            tenant=self.name,
            type=message.type,
            type_version=options.type_version,
            queue=options.queue,
            priority=options.priority,
            payload=message.payload,
            max_attempts=options.max_attempts,
            labels=options.labels,
            submitted_by=options.submitted_by,
            created_at=options.recorded_at,
            made_in=made_in,
            run_at=options.run_at,
            expires_at=options.expires_at,
            traceparent=options.traceparent,
            tracestate=options.tracestate,
            key_hash=options.key_hash,
            retention=options.retention,
            unique_key=options.unique_key,
            callback_url=options.callback_url,
            dispatch=options.dispatch,
            spent=options.attempts,
            dispatched_at=options.recorded_at,
            spent_all=options.attempts,
            crashes=options.crashes,
        )
        self.jobs[job.id] = job
        self.hold_unique(job)
        return job

    def other_holder(self, job: Job) -> str | None:
        return self.uniques.get(job.unique_key or "")

    def hold_unique(self, job: Job) -> None:
        if job.unique_key:
            self.uniques.setdefault(job.unique_key, job.id)

    @property
    def live(self) -> int:
        return sum(not job.final for job in self.jobs.values())

    def enqueue(self, job: Job, first: Event) -> None:
        """Move a new job into its first waiting state."""
        if job.run_at and job.run_at > self.now:
            self.due[job.id] = job.run_at
            first = Event.POSTPONED
        self.move(job, first)

    @property
    def waiting(self) -> dict[str, int]:
        return {job: at for jobs in self.waits.values() for job, at in jobs.items()}

    def wait(self, job: Job, at: int) -> None:
        """From `at` on its message should be in its AMQP queue."""
        queue = work_queue(job.queue, job.priority)
        self.handed.setdefault(queue, 0)
        self.waits.setdefault(queue, {})[job.id] = at

    def leave_waiting(self, job: Job) -> None:
        self.waits.get(work_queue(job.queue, job.priority), {}).pop(job.id, None)

    def note_handed(self, job: Job) -> None:
        queue = work_queue(job.queue, job.priority)
        due = job.retry_at or job.run_at or 0
        at = max(job.dispatched_at, due if due <= self.now else 0)
        if at > self.handed.get(queue, 0):
            self.handed[queue] = at

    def need_message(self, job: Job, at: int) -> None:
        job.handed, job.dispatched_at = 0, self.now
        self.leave_waiting(job)
        self.outbox[job.id] = at

    def move(self, job: Job, event: Event, result: str | None = None) -> None:
        self.leave_waiting(job)
        job.state = next_state(job.state, event)
        job.step += 1
        job.revision += 1
        if job.final:
            job.finished_at = self.now
            job.retry_at = None
            for index in (self.outbox, self.leases, self.due):
                index.pop(job.id, None)
            self._conclude(job)
        if job.state is not State.RUNNING:
            job.token = None
        self.seq += 1
        frame = (
            f'{{"type":"transition","job":"{job.id}","epoch":"{self.epoch}","seq":{self.seq},'
            f'"revision":{job.revision},"step":{job.step},"state":"{job.state}",'
            f'"at":"{rfc3339(self.now)}","attempt":{job.attempt}'
        )
        if parent := re.match("[0-9a-fA-F-]+", job.traceparent or ""):
            frame += f',"traceparent":"{parent[0]}"'
        if job.public_error and job.state in {State.RETRYING, State.FAILED}:
            frame += f',"error":{job.public_error}'
        told = frame if result is None else f'{frame},"result":{result}'
        step = Step(step=job.step, state=job.state, at=self.now, frame=frame + "}")
        job.steps.append(step)
        self.feed.append((self.seq, job.id, job.step))
        del self.feed[:-KEPT_TRANSITIONS]
        self._announce(job, "t", told + "}")

    def _conclude(self, job: Job) -> None:
        if job.unique_key and self.uniques.get(job.unique_key) == job.id:
            del self.uniques[job.unique_key]
        if job.callback_url:
            self.callbacks[job.id, job.step] = self.now
        if job.dead_letter is None:
            self.keep(job)

    def keep(self, job: Job) -> None:
        self.kept[job.id] = self.now + job.retention
        keyed_at = job.keyed_at or (job.created_at if job.key_hash else None)
        if keyed_at is not None:
            self.kept[job.id] = max(self.kept[job.id], keyed_at + KEY_LIFE)

    def tell_progress(self, job: Job, progress: str, number: int) -> None:
        job.revision += 1
        self.seq += 1
        job.number = number
        fields = json.loads(progress)
        comma = "," if fields else ""
        job.progress = f'{progress.rstrip()[:-1]}{comma}"updated_at":"{rfc3339(self.now)}"}}'
        frame = (
            f'{{"type":"progress","job":"{job.id}","epoch":"{self.epoch}","seq":{self.seq},'
            f'"revision":{job.revision},"step":{job.step},"progress":{job.progress}}}'
        )
        self._announce(job, "p", frame)

    def start(self, job: Job, token: str, worker: str, lease: int, event: Event) -> None:
        job.attempt = job.spent_all + 1
        job.token, job.worker, job.attempt_at, job.number = token, worker, self.now, 0
        job.retry_at = job.error = job.public_error = job.progress = None
        job.started_at = job.started_at or self.now
        self.leases[job.id] = self.now + lease
        self.outbox.pop(job.id, None)
        self.due.pop(job.id, None)
        self.move(job, event)

    def end_attempt(self, job: Job, outcome: Outcome, error: str | None, *, used: bool) -> None:
        if used:
            job.spent += 1
            job.spent_all += 1
            job.crashes += outcome is Outcome.CRASHED
        self.leases.pop(job.id, None)
        job.attempts.append(
            Attempt(
                number=job.attempt,
                started_at=job.attempt_at,
                finished_at=self.now,
                outcome=outcome,
                error=error,
                worker=job.worker,
            )
        )

    def give_up(self, job: Job, reason: DeadLetterReason, error: str, public: str) -> None:
        job.error, job.public_error = error, public
        job.dead_letter = DeadLetter(since=self.now, reason=reason)
        self.move(job, Event.GAVE_UP)

    def new_dispatch(self, job: Job, at: int) -> None:
        job.dispatch += 1
        self.need_message(job, at)

    def adopt(self, job: Job, message: RunJob) -> None:
        """Believe a message that is newer than the record."""
        options = message.options
        job.dispatch = options.dispatch
        if job.state is State.FAILED:
            job.redrives += 1
            job.spent, job.crashes, job.losses = options.attempts, options.crashes, 0
            job.dead_letter = job.finished_at = job.error = job.public_error = None
            self.hold_unique(job)
            self.move(job, Event.REDRIVEN)
            return
        job.spent_all += max(0, options.attempts - job.spent)
        job.spent = max(job.spent, options.attempts)
        job.crashes = max(job.crashes, options.crashes)

    def _announce(self, job: Job, kind: str, frame: str) -> None:
        words = (self.epoch, self.seq, job.id, job.revision, job.step, kind, frame)
        self.published.append((f"wm:{{{self.name}}}:events", " ".join(map(str, words))))


def rfc3339(ms: int) -> str:
    """Write a time as the store does: UTC, milliseconds, Z."""
    seconds, rest = divmod(ms, 1000)
    return f"{datetime.fromtimestamp(seconds, UTC):%Y-%m-%dT%H:%M:%S}.{rest:03d}Z"
