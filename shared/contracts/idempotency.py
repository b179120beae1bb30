"""Operations on what an Idempotency-Key is bound to, for requests that come second or give up."""

from shared.contracts.answers import Submitted
from shared.contracts.operations import IdempotencyKey, Operation


class Recall(Operation[Submitted | None], frozen=True, kw_only=True):
    """What a key is bound to, asked by a request `job` that can write nothing; None: to nothing.

    So a repeat is answered with its job although today its body would be refused. A job that was
    never confirmed is handed over for publishing (REPUBLISH) as in `Submit`.
    """

    job: str
    key: IdempotencyKey


class Unmark(Operation[bool], frozen=True, kw_only=True):
    """The request `job` gave up before it could publish: the next with its key need not wait."""

    job: str
    key: IdempotencyKey
