"""pika's connection with shorter ways for what there is most of: publishes out, confirms in.

pika 1.4 watches a socket for each write until it is writable, and makes three objects and four
look-ups of each confirm. All else is left to it, and so is whatever does not go smoothly. This
touches what it keeps to itself (`_transport`, `_frame_buffer`): its stubs leave that out.
"""

from collections.abc import Sequence
from typing import Any, Protocol

from pika.adapters.asyncio_connection import AsyncioConnection
from pika.adapters.utils.io_services_utils import _AsyncPlaintextTransport

from shared.adapters.publisher_pika.frames import CONFIRM_BYTES, leading_confirms


class OnConfirm(Protocol):
    """Hears that the broker has (or refuses) the message of a number, or all up to that one."""

    def __call__(self, number: int, *, multiple: bool, has: bool) -> None:
        """Take one confirm."""


class Wire(AsyncioConnection):
    """One connection."""

    bytes_sent: int
    bytes_received: int
    frames_received: int
    _frame_buffer: bytes
    _transport: Any
    _channel = 0
    _on_confirm: OnConfirm | None = None

    @property
    def frame_max(self) -> int:
        """The largest frame that both sides take, in bytes."""
        return int(self.params.frame_max)

    def on_confirm(self, channel: int, hear: OnConfirm) -> None:
        """Hand the confirms of a channel to `hear`; what comes amid other frames pika may tell."""
        self._channel, self._on_confirm = channel, hear

    def write(self, frames: bytes) -> None:
        """Send what is frames already: at once where the socket takes it."""
        left = frames[self._send_at_once(frames) :]
        if left:
            self._output_marshaled_frames((left,))

    def abort(self) -> None:
        """Close the socket without another word: the broker does not answer to `close`."""
        if not self.is_closed:
            self._terminate_stream(None)  # type: ignore[attr-defined]

    def _send_at_once(self, frames: bytes) -> int:
        transport = self._transport
        kind = type(transport)
        if kind is not _AsyncPlaintextTransport or transport.get_write_buffer_size():
            return 0  # encrypted, gone, or something is waiting already
        try:
            sent = int(transport._sock.send(frames))  # noqa: SLF001
        except OSError:
            return 0  # pika will meet the same and knows what to do
        self.bytes_sent += sent
        return sent

    def _output_marshaled_frames(self, marshaled_frames: Sequence[bytes]) -> None:
        # pika makes a system call for each of a message's three frames: one saves a fifth of the
        # processor time of a publish.
        super()._output_marshaled_frames([b"".join(marshaled_frames)])  # type: ignore[misc]

    def _on_data_available(self, data_in: bytes) -> None:
        hear = self._on_confirm
        if hear is not None and not self._frame_buffer:
            confirms = leading_confirms(self._channel, data_in)
            data_in = data_in[CONFIRM_BYTES * len(confirms) :]
            self.bytes_received += CONFIRM_BYTES * len(confirms)  # a sign of life
            self.frames_received += len(confirms)
            for number, multiple, has in confirms:
                hear(number, multiple=multiple, has=has)
        if data_in:
            super()._on_data_available(data_in)  # type: ignore[misc]
