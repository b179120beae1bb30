"""What came out of the broker, and what is done with it in the end."""

from enum import StrEnum
from typing import Protocol

from shared.contracts.commands import RunJob


class Answer(StrEnum):
    """How a delivery is settled."""

    ACK = "ack"
    NACK = "nack"  # into the dead letters
    REQUEUE = "requeue"  # back to the queue, to be delivered again
    HOLD = "hold"  # not at all: its connection is gone, or soon is, and the broker redelivers it


class Delivered(Protocol):
    """One message of one connection to the broker."""

    @property
    def job(self) -> RunJob:
        """The message."""

    @property
    def alive(self) -> bool:
        """Whether the connection that brought it still stands; if not, it is redelivered."""
