"""What a worker is told from outside."""

import os
from typing import Annotated, Final, Self

from pydantic import Field, field_validator, model_validator
from pydantic_settings import NoDecode

from shared.contracts.topology import check_queue_name
from shared.runtime.settings import CommonSettings, TraceSettings, WebhookSettings

LEAST_SLOTS: Final = 2
FREEZE_MARGIN_MS: Final = 3_000  # a slot is frozen so long before its lease ends (PROTOCOL, Leases)


def _default_slots() -> int:
    return max(LEAST_SLOTS, len(os.sched_getaffinity(0)))


class WorkerSettings(CommonSettings, WebhookSettings, TraceSettings):
    """WAYMARK_SLOTS, WAYMARK_QUEUES, WAYMARK_JOBS …; lists are separated by commas."""

    slots: int = Field(default_factory=_default_slots, ge=1)  # jobs at once; one a CPU, 2 at least
    queues: Annotated[tuple[str, ...], NoDecode] = ()  # none: all that the loaded types name
    jobs: Annotated[tuple[str, ...], NoDecode] = ()  # modules beside our own
    drain_seconds: float = Field(default=30.0, ge=0)  # what runs gets so long to end at a stop
    heartbeat_ms: int = Field(default=5_000, ge=100)  # how often leases are renewed
    worker_port: int = Field(default=8002, ge=0, le=65_535)  # probes and metrics
    cancel_grace_seconds: float = Field(default=10.0, ge=0)  # where the canceller names none
    unknown_type_seconds: float = Field(default=600.0, gt=0)  # then a type nobody knows is dead
    consumer_timeout_seconds: float = Field(default=1800.0, gt=0)  # as RabbitMQ < 3.12 is told

    @model_validator(mode="after")
    def _lease_outlives_heartbeats(self) -> Self:
        if self.heartbeat_ms >= self.lease_ms - FREEZE_MARGIN_MS:
            raise ValueError(
                f"WAYMARK_HEARTBEAT_MS ({self.heartbeat_ms}) must be less than WAYMARK_LEASE_MS "
                f"({self.lease_ms}) minus {FREEZE_MARGIN_MS}: every slot would freeze"
            )
        return self

    @field_validator("queues")
    @classmethod
    def _queues_can_be(cls, queues: tuple[str, ...]) -> tuple[str, ...]:
        for name in queues:
            check_queue_name(name)
        return queues

    @field_validator("queues", "jobs", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        return value
