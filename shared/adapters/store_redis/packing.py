"""The bytes of a script call, for whoever writes to the connection himself.

What a batch of submits has in common is packed once for a run of such batches.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Any, Final

import hiredis

from shared.adapters.store_redis import keys
from shared.adapters.store_redis.encode import (
    AS_BEFORE,
    Argument,
    Call,
    common_of,
    described,
    encode,
    head_of_many,
    split,
    trace_text,
)
from shared.adapters.store_redis.scripts import Script
from shared.contracts.batches import SubmitMany
from shared.contracts.operations import Operation, Submit

_TENANTS_KNOWN: Final = 1024  # at a time
_OWN: Final = 7  # arguments of each job: its id, what is its own, and whether the rest follows


class Packer:
    """Packs the calls of one connection; remembers what the last submits had in common."""

    def __init__(self, scripts: Mapping[str, Script]) -> None:
        """Know of none yet."""
        self._scripts = scripts
        self._common: tuple[object, ...] = ()
        self._rest, self._rest_size = "", 0
        self._before: tuple[object, ...] = ()  # of the job before, in this batch
        self._rests = 0  # arguments

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
        self._before = ()
        self._rests = 0
        text = "".join([_own(job) + self._rest_of(job) for job in jobs])
        count = len(first) + _OWN * len(jobs) + self._rests
        return [*_enrolment(call), b"*%d\r\n%b%b" % (count, _bare(first), text.encode())]

    def _rest_of(self, job: Submit) -> str:
        common = common_of(job)
        if common == self._before:
            return _AS_BEFORE
        if common != self._common:
            _, rest = split(described(job))
            self._common, self._rest_size = common, len(rest)
            self._rest = _bare(("", *rest)).decode()
        self._before = common
        self._rests += self._rest_size
        return self._rest


def _own(op: Submit) -> str:
    job, payload, unique = op.job, op.payload, op.unique_key or ""
    trace = trace_text(op.traceparent, op.tracestate)
    bound, print_ = (op.key.hash, op.key.fingerprint) if op.key else ("", "")
    packed = (
        f"${len(job)}\r\n{job}\r\n${len(payload)}\r\n{payload}\r\n${len(trace)}\r\n{trace}\r\n"
        f"${len(bound)}\r\n{bound}\r\n${len(unique)}\r\n{unique}\r\n${len(print_)}\r\n{print_}\r\n"
    )
    if packed.isascii():
        return packed
    return _bare((job, payload, trace, bound, unique, print_)).decode()


def _commands(call: Call, *how: str) -> list[bytes]:
    return [*_enrolment(call), _packed((*how, len(call.keys), *call.keys, *call.args))]


def _bare(arguments: tuple[Argument, ...]) -> bytes:
    """Pack arguments without saying how many."""
    return _packed(arguments).partition(b"\r\n")[2]


def _enrolment(call: Call) -> list[bytes]:
    if not call.enrols:
        return []
    return [_enrolment_of(call.keys[0])]


@lru_cache(maxsize=_TENANTS_KNOWN)
def _enrolment_of(key: str) -> bytes:
    return _packed(("SADD", keys.TENANTS, keys.tenant_of(key)))


def _packed(arguments: Any) -> bytes:  # noqa: ANN401 - its stub asks for a tuple of one
    command: bytes = hiredis.pack_command(arguments)
    return command


_AS_BEFORE: Final = _bare((AS_BEFORE,)).decode()
