"""Where a job stands, as the frames that bring a watcher there. Pure."""

from collections.abc import Callable

import msgspec

from shared.contracts.answers import Position, Step

Wrap = Callable[[bytes], bytes]
"""What makes of a frame's JSON what is handed to watchers; applied once a frame, not a watcher."""


class _Written(msgspec.Struct):
    """What is needed of a transition frame that the store has written."""

    revision: int
    at: msgspec.Raw
    seq: int = 0
    result: msgspec.Raw | msgspec.UnsetType = msgspec.UNSET


class Early(msgspec.Struct, frozen=True):
    """Transitions, and where the watcher stands after them."""

    frames: list[bytes]
    revision: int
    step: int


class _Past(msgspec.Struct):
    step: int
    state: str
    at: msgspec.Raw


class _Snapshot(msgspec.Struct, tag="snapshot", tag_field="type"):
    job: str
    epoch: str
    seq: int
    revision: int
    step: int
    state: str
    attempt: int
    progress: msgspec.Raw
    result: msgspec.Raw
    error: msgspec.Raw
    history: list[_Past]
    traceparent: str | msgspec.UnsetType = msgspec.UNSET


class _Progress(msgspec.Struct, tag="progress", tag_field="type"):
    job: str
    epoch: str
    seq: int
    revision: int
    step: int
    progress: msgspec.Raw


class _Live(msgspec.Struct, tag="live", tag_field="type"):
    job: str
    recovered: bool


_written = msgspec.json.Decoder(_Written)
_encode = msgspec.json.Encoder().encode


def _as_is(frame: bytes) -> bytes:
    return frame


class Place:
    """One reading of a job, shared by everyone who waited for it; each frame is made once."""

    def __init__(self, job: str, position: Position, wrap: Wrap = _as_is) -> None:
        """Keep the reading; `position.steps` may begin after step 1."""
        self.epoch = position.epoch
        self.revision = position.revision
        self.step = position.step
        self.state = position.state
        self._job = job
        self._position = position
        self._wrap = wrap
        self._made: dict[object, bytes] = {}

    def since(self, revision: int, step: int) -> list[bytes] | None:
        """Return what a watcher at `revision` and `step` of this epoch has missed, in order.

        Every transition and at most one progress, the latest. None: that cannot be told, because
        the watcher is ahead, the steps were not read from there on, or it never was at a place
        with these two numbers.
        """
        missed = self._missed(revision, step)
        if missed is None:
            return None
        frames = [self._transition(past) for past in missed]
        seen = revision_of(missed[-1]) if missed else revision
        if self.revision > seen and self._position.progress is not None:
            frames.append(self._progress())
        return frames

    def since_until(self, revision: int, step: int, upto: int) -> Early | None:
        """Return what a watcher has missed until the tenant's `seq` was `upto`; None as above.

        No progress: which one was the latest at that time is not known.
        """
        missed = self._missed(revision, step)
        if missed is None:
            return None
        early = [past for past in missed if _written.decode(past.frame).seq <= upto]
        if early:
            revision, step = revision_of(early[-1]), early[-1].step
        return Early([self._transition(past) for past in early], revision, step)

    def _missed(self, revision: int, step: int) -> list[Step] | None:
        if step > self.step or revision > self.revision:
            return None
        missed = [past for past in self._position.steps if past.step > step]
        if [past.step for past in missed] != list(range(step + 1, self.step + 1)):
            return None
        return None if missed and revision_of(missed[0]) <= revision else missed

    def snapshot(self) -> bytes:
        """Return the whole as one frame, with the steps that were read as its history."""
        return self._once("snapshot", self._snapshot)

    def live(self, *, recovered: bool) -> bytes:
        """Return the frame that ends a synchronisation."""
        return self._once(("live", recovered), lambda: _encode(_Live(self._job, recovered)))

    def _snapshot(self) -> bytes:
        here = self._position
        return _encode(
            _Snapshot(
                job=self._job,
                epoch=here.epoch,
                seq=here.seq,
                revision=here.revision,
                step=here.step,
                state=here.state,
                attempt=here.attempt,
                progress=_raw(here.progress),
                result=_raw(here.result),
                error=_raw(here.error),
                history=[
                    _Past(past.step, past.state, _written.decode(past.frame).at)
                    for past in here.steps
                ],
                traceparent=here.traceparent or msgspec.UNSET,
            )
        )

    def _transition(self, past: Step) -> bytes:
        result = self._position.result if past.step == self.step else None
        return self._once(past.step, lambda: with_result(past, result))

    def _progress(self) -> bytes:
        here = self._position
        return self._once(
            "progress",
            lambda: _encode(
                _Progress(
                    job=self._job,
                    epoch=here.epoch,
                    seq=here.seq,
                    revision=here.revision,
                    step=here.step,
                    progress=_raw(here.progress),
                )
            ),
        )

    def _once(self, key: object, make: Callable[[], bytes]) -> bytes:
        frame = self._made.get(key)
        if frame is None:
            frame = self._made[key] = self._wrap(make())
        return frame


def with_result(past: Step, result: str | None) -> bytes:
    """Return the frame of a step; `result`: what it brought, that the store keeps elsewhere."""
    frame = past.frame.encode()
    if result is None or _written.decode(frame).result is not msgspec.UNSET:
        return frame
    return b'%b,"result":%b}' % (frame.rstrip()[:-1], result.encode())


def revision_of(past: Step) -> int:
    """Return the revision that a step brought."""
    return _written.decode(past.frame).revision


def _raw(text: str | None) -> msgspec.Raw:
    return msgspec.Raw(b"null" if text is None else text.encode())
