"""Frames between worker, zygote and slots: 4 bytes of length, big-endian, then JSON. Pure."""

from typing import Final, Generic, TypeVar

import msgspec

from services.worker.slots.terms import Assignment, Called, Raised
from shared.contracts.catalog import CatalogEntry

LARGEST_FRAME: Final = 4 * 2**20  # bytes; a payload and a checkpoint, escaped, are under 2 MiB
LARGEST_RESULT: Final = 256 * 2**10  # bytes of JSON
LARGEST_CHECKPOINT: Final = 256 * 2**10  # bytes of JSON
_HEAD: Final = 4


class WireError(Exception):
    """What arrived is no frame of ours: whoever sent it cannot be trusted any more."""


# worker -> slot; `turn` numbers the attempts of one child, so that nothing hits the next one


class Run(msgspec.Struct, frozen=True, tag="run"):
    """Run one attempt."""

    turn: int
    assignment: Assignment


class Interrupt(msgspec.Struct, frozen=True, tag="interrupt"):
    """Raise once in the handler, if it is still that turn; a signal follows."""

    turn: int
    reason: str


ToSlot = Run | Interrupt


# slot -> worker; the last three end the turn, `reusable` says whether the child waits for another


class Progress(msgspec.Struct, frozen=True, tag="progress"):
    """How far it has come; JSON text."""

    number: int
    progress: str


class Checkpoint(msgspec.Struct, frozen=True, tag="checkpoint"):
    """What the next attempt shall find; JSON text."""

    data: str


class Call(msgspec.Struct, frozen=True, tag="call"):
    """The handler has called somebody."""

    called: Called


class Result(msgspec.Struct, frozen=True, tag="result", omit_defaults=True):
    """The handler returned; JSON text. `heeded` as in `terms.Returned`."""

    result: str
    reusable: bool
    heeded: str | None = None


class Exceptional(msgspec.Struct, frozen=True, tag="raised"):
    """The handler raised."""

    raised: Raised
    reusable: bool


class Refusal(msgspec.Struct, frozen=True, tag="refusal"):
    """The claim was too old: nothing was started."""

    reusable: bool


FromSlot = Progress | Checkpoint | Call | Result | Exceptional | Refusal


# worker -> zygote; `slot` is the index of the child's cell in the lease table


class Fork(msgspec.Struct, frozen=True, tag="fork"):
    """Make a child; its socket comes along as a file descriptor."""

    slot: int


class Nudge(msgspec.Struct, frozen=True, tag="nudge"):
    """Signal the child that an Interrupt waits for it."""

    slot: int


class Terminate(msgspec.Struct, frozen=True, tag="terminate"):
    """SIGTERM to the child."""

    slot: int


class Kill(msgspec.Struct, frozen=True, tag="kill"):
    """SIGKILL to the child and every descendant."""

    slot: int


ToZygote = Fork | Nudge | Terminate | Kill


# zygote -> worker


class Ready(msgspec.Struct, frozen=True, tag="ready"):
    """The job modules are loaded."""

    catalogue: list[CatalogEntry]


class Broken(msgspec.Struct, frozen=True, tag="broken"):
    """They could not be loaded; the zygote has ended."""

    text: str


class Ended(msgspec.Struct, frozen=True, tag="ended"):
    """The child and all its descendants are gone; memory in bytes."""

    slot: int
    signal: int | None
    exit_code: int | None
    peak_rss: int
    refused: bool = False  # it could not even be forked
    overgrown: bool = False  # killed: it had more memory than its attempt may have


FromZygote = Ready | Broken | Ended

M = TypeVar("M")

_encoder = msgspec.json.Encoder()


def encode(frame: ToSlot | FromSlot | ToZygote | FromZygote) -> bytes:
    """Return the bytes of one frame.

    Raises:
        WireError: it is larger than the other side would take.
    """
    body = bytearray(_HEAD)
    _encoder.encode_into(frame, body, _HEAD)
    if len(body) - _HEAD > LARGEST_FRAME:
        text = f"a frame of {len(body) - _HEAD} bytes is larger than {LARGEST_FRAME}"
        raise WireError(text)
    body[:_HEAD] = (len(body) - _HEAD).to_bytes(_HEAD, "big")
    return bytes(body)


class Reader(Generic[M]):
    """Puts frames together again, however the bytes are cut."""

    def __init__(self, decoder: msgspec.json.Decoder[M]) -> None:
        """Expect the frames that `decoder` knows."""
        self._decoder = decoder
        self._buffer = bytearray()

    def feed(self, data: bytes) -> list[M]:
        """Return the frames that `data` completes.

        Raises:
            WireError: this is not, and will never be, one of the expected frames.
        """
        buffer = self._buffer
        buffer += data
        frames: list[M] = []
        start = 0
        while len(buffer) - start >= _HEAD:
            size = int.from_bytes(buffer[start : start + _HEAD], "big")
            if size > LARGEST_FRAME:
                text = f"a frame of {size} bytes was announced, {LARGEST_FRAME} are allowed"
                raise WireError(text)
            end = start + _HEAD + size
            if len(buffer) < end:
                break
            frames.append(self._decode(bytes(buffer[start + _HEAD : end])))
            start = end
        del buffer[:start]
        return frames

    def _decode(self, body: bytes) -> M:
        try:
            return self._decoder.decode(body)
        except (msgspec.DecodeError, UnicodeDecodeError) as fault:
            text = f"a frame cannot be decoded: {fault}"
            raise WireError(text) from fault


def reader_in_slot() -> Reader[ToSlot]:
    """Return a reader of what a worker tells a slot."""
    return Reader(msgspec.json.Decoder(ToSlot))


def reader_of_slot() -> Reader[FromSlot]:
    """Return a reader of what a slot tells its worker."""
    return Reader(msgspec.json.Decoder(FromSlot))


def reader_in_zygote() -> Reader[ToZygote]:
    """Return a reader of what a worker tells its zygote."""
    return Reader(msgspec.json.Decoder(ToZygote))


def reader_of_zygote() -> Reader[FromZygote]:
    """Return a reader of what a zygote tells its worker."""
    return Reader(msgspec.json.Decoder(FromZygote))
