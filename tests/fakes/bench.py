"""An executor on a bench: scripted store, publisher and slots, and a clock moved by hand."""

import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from prometheus_client import CollectorRegistry

from services.worker.attempts.attempt import Attempt
from services.worker.attempts.claiming import Claims, Identity
from services.worker.attempts.settling import Settlements
from services.worker.attempts.stubborn import Stubborn
from services.worker.attempts.tracing import Traces
from services.worker.attempts.unknown import TypeWatch, UnknownTypes
from services.worker.execute import Executor, Tools
from services.worker.intake.deliveries import Answer
from services.worker.intake.gate import Intake
from services.worker.metrics import WorkerMetrics
from services.worker.slots.terms import SlotEvent
from shared.contracts.answers import ClaimAnswer, ClaimVerdict, Settled, SettleVerdict
from shared.contracts.commands import RunJob
from shared.contracts.job import JobRecord
from shared.contracts.lifecycle import State
from shared.contracts.operations import (
    Checkpoint,
    Claim,
    Confirm,
    Fail,
    Progress,
    Release,
    Retry,
    Stop,
    Succeed,
)
from shared.contracts.overdue import Expect
from shared.runtime.tracing.spans import OFF, Span, Tracer
from tests.fakes.hands import HandClock
from tests.fakes.jobs import message, record
from tests.fakes.scripted import YES, ScriptedPublisher, ScriptedStore
from tests.fakes.slots import FakeSlots, Step, entry

LEASE_MS = 15_000


@dataclass
class FakeDelivery:
    """A delivery whose connection a test may cut."""

    job: RunJob = field(default_factory=message)
    alive: bool = True


class FakeHeartbeats:
    """Keeps nobody alive, but says whom it was told to."""

    def __init__(self) -> None:
        self.kept: list[Attempt] = []
        self.open = 0

    @contextmanager
    def keep(self, attempt: Attempt) -> Iterator[None]:
        self.kept.append(attempt)
        self.open += 1
        try:
            yield
        finally:
            self.open -= 1


class Bench:
    """Everything around one executor; `script` is what every attempt does."""

    def __init__(
        self,
        script: Sequence[Step] = (),
        *,
        answers: Mapping[str, SlotEvent] | None = None,
        job: JobRecord | None = None,
        traced: bool = False,
        **limits: Any,
    ) -> None:
        self.traced = traced
        self.spans: list[Span] = []
        self.clock = HandClock()
        self.store = ScriptedStore()
        self.publisher = ScriptedPublisher()
        self.intake = Intake()
        self.broken = threading.Event()
        self.heartbeats = FakeHeartbeats()
        self.entry = entry(**limits)
        self.slots = FakeSlots(self.clock, script=script, answers=answers, entries=[self.entry])
        self.delivery = FakeDelivery()
        self.types = TypeWatch(gone_after=600.0, monotonic=self.clock.monotonic)
        self.metrics = WorkerMetrics(CollectorRegistry())
        self.on_pause: Callable[[], None] = lambda: None
        self.pauses = 0
        self.executor = self._executor()
        self.job = job or record()
        self.store.answer(Claim, ClaimAnswer(verdict=ClaimVerdict.RUN, job=self.job))
        self.store.answer(Confirm, YES)
        self.store.answer(Expect, YES)
        self.store.answer(Progress, YES)
        self.store.answer(Checkpoint, YES)
        self.settles(Succeed, State.SUCCEEDED)
        self.settles(Fail, State.FAILED)
        self.settles(Stop, State.CANCELLED)
        self.settles(Release, State.QUEUED)
        following = message(dispatch=2, spent=1)
        self.store.answer(
            Retry,
            Settled(verdict=SettleVerdict.OK, state=State.RETRYING, publish=following, delay=4_000),
        )

    def settles(self, operation: type[Any], state: State) -> None:
        self.store.answer(operation, Settled(verdict=SettleVerdict.OK, state=state))

    def run(self) -> Answer:
        return self.executor.execute(self.delivery)

    @property
    def attempt(self) -> Attempt:
        return self.heartbeats.kept[0]

    def outcomes(self, outcome: str) -> float:
        labels = {"queue": "default", "type": "demo", "outcome": outcome}
        return self.metrics.registry.get_sample_value("waymark_jobs_attempts_total", labels) or 0

    def _pause(self, seconds: float) -> None:
        self.pauses += 1
        self.clock.pause(seconds)
        self.on_pause()
        if self.pauses > 1000:
            raise AssertionError("it waits for ever")

    def _executor(self) -> Executor:
        stubborn = Stubborn(self.store, self.publisher, self.intake, pause=self._pause)
        claims = Claims(
            stubborn,
            self.intake,
            Identity(worker="w1", lease_ms=LEASE_MS),
            self.metrics,
            monotonic=self.clock.monotonic,
            pause=self._pause,
        )
        return Executor(
            Tools(
                store=self.store,
                stubborn=stubborn,
                slots=self.slots,
                heartbeats=self.heartbeats,
                claims=claims,
                settlements=Settlements(stubborn, claims, self.intake, pause=self._pause),
                unknown=UnknownTypes(stubborn, claims, self.types, self.metrics),
                intake=self.intake,
                broken=self.broken,
                metrics=self.metrics,
                traces=Traces(Tracer(self.spans.append) if self.traced else OFF),
                types={self.entry.type: self.entry},
                monotonic=self.clock.monotonic,
                uniform=lambda _low, high: high,
                pause=self._pause,
            )
        )
