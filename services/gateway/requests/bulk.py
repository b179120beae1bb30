"""What a client may say with POST /v1/jobs/bulk: the list, not yet what is in it. Pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec

from services.gateway.refusals import Fault, NotJson, Refusal
from services.gateway.requests.fields import Broken, Fields, a_flag, pointer
from shared.contracts.operations import IdempotencyKey

MOST_JOBS: Final = 1000


@dataclass(frozen=True, slots=True, kw_only=True)
class BulkRequest:
    """`jobs` as parsed, and the exact text of each; `atomic`: all or none."""

    jobs: Sequence[object]
    texts: Sequence[bytes]
    atomic: bool


class _Texts(msgspec.Struct):
    jobs: list[msgspec.Raw]


_slicer: Final = msgspec.json.Decoder(_Texts)


def parse_bulk_request(parsed: object, body: bytes) -> BulkRequest:
    """Return the request in a body that `parse_json` has accepted.

    Raises:
        Invalid: with a fault for each thing wrong, of the jobs themselves none.
        NotJson: this second parser does not agree with the first.
    """
    fields = Fields(parsed)
    jobs = fields.required("jobs", _some_jobs)
    atomic = fields.optional("atomic", a_flag)
    fields.finish()
    try:
        texts = _slicer.decode(body).jobs
    except msgspec.DecodeError as fault:
        raise NotJson(f"The body is not JSON: {fault}") from fault
    return BulkRequest(jobs=jobs or (), texts=[bytes(text) for text in texts], atomic=bool(atomic))


def key_of_job(key: IdempotencyKey | None, place: int) -> IdempotencyKey | None:
    """Return the key of the job at `place`: the request's own, and where it stands in it.

    Its fingerprint is of the whole body: another body is another request, for each of its jobs.
    """
    if key is None:
        return None
    return IdempotencyKey(hash=f"{key.hash}.{place}", fingerprint=key.fingerprint)


def point_into(refusal: Refusal, place: int) -> Refusal:
    """Let the pointers of a refusal begin at the request's body, not at the job's."""
    root = pointer("jobs", place)
    faults = refusal.errors or (Fault(refusal.detail, ""),)
    refusal.errors = tuple(Fault(one.detail, root + one.pointer) for one in faults)
    return refusal


def _some_jobs(value: object) -> Sequence[object]:
    if not isinstance(value, list) or not 1 <= len(value) <= MOST_JOBS:
        raise Broken(f"This must be a list of 1 to {MOST_JOBS} jobs.")
    return value
