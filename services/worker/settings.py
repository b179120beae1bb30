"""What a worker is told from outside."""

import os
from typing import Annotated, Final

from pydantic import Field, field_validator
from pydantic_settings import NoDecode

from shared.runtime.settings import CommonSettings

LEAST_SLOTS: Final = 2


def _default_slots() -> int:
    return max(LEAST_SLOTS, len(os.sched_getaffinity(0)))


class WorkerSettings(CommonSettings):
    """WAYMARK_SLOTS, WAYMARK_QUEUES, WAYMARK_JOBS …; lists are separated by commas."""

    slots: int = Field(default_factory=_default_slots, ge=1)
    queues: Annotated[tuple[str, ...], NoDecode] = ()  # none: all that the loaded types name
    jobs: Annotated[tuple[str, ...], NoDecode] = ()  # modules beside our own
    drain_seconds: float = Field(default=30.0, ge=0)
    heartbeat_ms: int = Field(default=5_000, ge=100)
    worker_port: int = Field(default=8002, ge=0, le=65_535)
    cancel_grace_seconds: float = Field(default=10.0, ge=0)  # where the canceller names none
    unknown_type_seconds: float = Field(default=600.0, gt=0)

    @field_validator("queues", "jobs", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        return value
