"""The bytes of a script call, for whoever writes to the connection himself.

A submit says 24 things of its job, most of them as the one before it did: those are packed once
for a run of such submits.
"""

from collections.abc import Mapping
from typing import Any, Final

import hiredis

from shared.adapters.store_redis import keys
from shared.adapters.store_redis.encode import Argument, Call, described, encode, head_of_many
from shared.adapters.store_redis.scripts import Script
from shared.contracts.batches import SubmitMany
from shared.contracts.operations import Operation, Submit

_ARGUMENTS: Final = 24  # of each job: its id, and what `described` says
_PAYLOAD, _KEY, _UNIQUE, _FINGERPRINT = 4, 11, 17, 20  # in what `described` says: each job's own


class Packer:
    """Packs the calls of one connection; remembers what the last submits had in common."""

    def __init__(self, scripts: Mapping[str, Script]) -> None:
        """Know of none yet."""
        self._scripts = scripts
        self._common: tuple[object, ...] = ()
        self._parts = ("", "", "", "", "")

    def pack(self, operation: Operation[Any]) -> list[bytes]:
        """Return the commands that carry out `operation` by EVALSHA."""
        if isinstance(operation, SubmitMany):
            return self._pack_many(operation)
        call = encode(operation)
        return _commands(call, "EVALSHA", self._scripts[call.script].sha)

    def pack_with_text(self, operation: Operation[Any]) -> list[bytes]:
        """Return the same for a Redis that does not know the script yet."""
        call = encode(operation)
        return _commands(call, "EVAL", self._scripts[call.script].text)

    def _pack_many(self, operation: SubmitMany) -> list[bytes]:
        call = head_of_many(operation)
        jobs = operation.jobs
        first = ("EVALSHA", self._scripts[call.script].sha, len(call.keys), *call.keys, *call.args)
        text = "".join([self._described(job) for job in jobs])
        count = len(first) + _ARGUMENTS * len(jobs)
        return [*_enrolment(call), b"*%d\r\n%b%b" % (count, _bare(first), text.encode())]

    def _described(self, op: Submit) -> str:
        common = (
            op.type,
            op.type_version,
            op.queue,
            op.priority,
            op.max_attempts,
            op.labels,
            op.submitted_by,
            op.run_at,
            op.expires_at,
            op.traceparent,
            op.retention,
            op.callback_url,
            op.delay,
            op.on_conflict,
            op.quota,
        )
        if common != self._common:
            self._common, self._parts = common, _parts(described(op))
        a, b, c, d, e = self._parts
        key, payload, job = op.key, op.payload, op.job
        payload_bytes = len(payload) if payload.isascii() else len(payload.encode())
        bound, print_ = (_one(key.hash), _one(key.fingerprint)) if key else (_NOTHING, _NOTHING)
        unique = _one(op.unique_key) if op.unique_key else _NOTHING
        return f"{_one(job)}{a}${payload_bytes}\r\n{payload}\r\n{b}{bound}{c}{unique}{d}{print_}{e}"


def _commands(call: Call, *how: str) -> list[bytes]:
    return [*_enrolment(call), _packed((*how, len(call.keys), *call.keys, *call.args))]


def _parts(args: tuple[Argument, ...]) -> tuple[str, str, str, str, str]:
    """Pack what stands before, between and after what is each job's own."""
    return (
        _bare(args[:_PAYLOAD]).decode(),
        _bare(args[_PAYLOAD + 1 : _KEY]).decode(),
        _bare(args[_KEY + 1 : _UNIQUE]).decode(),
        _bare(args[_UNIQUE + 1 : _FINGERPRINT]).decode(),
        _bare(args[_FINGERPRINT + 1 :]).decode(),
    )


def _bare(arguments: tuple[Argument, ...]) -> bytes:
    """Pack arguments without saying how many."""
    return _packed(arguments).partition(b"\r\n")[2]


def _one(text: str) -> str:
    return f"${len(text) if text.isascii() else len(text.encode())}\r\n{text}\r\n"


_NOTHING: Final = _one("")


def _enrolment(call: Call) -> list[bytes]:
    if not call.enrols:
        return []
    return [_packed(("SADD", keys.TENANTS, keys.tenant_of(call.keys[0])))]


def _packed(arguments: Any) -> bytes:  # noqa: ANN401 - its stub asks for a tuple of one
    command: bytes = hiredis.pack_command(arguments)
    return command
