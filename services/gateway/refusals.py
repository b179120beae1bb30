"""What the gateway refuses, by name; `problems.py` gives each code its HTTP status.

`errors` are faults with a JSON pointer; `extra` members stand in the problem as they are;
`retry_after` is in seconds.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from shared.contracts.errors import WaymarkError

MAX_FAULTS: Final = 50  # of one answer: a body of a megabyte has room for 100,000


@dataclass(frozen=True, slots=True)
class Fault:
    """One thing wrong with a request; `pointer` is a JSON pointer into its body."""

    detail: str
    pointer: str


class Refusal(WaymarkError):
    """The request cannot be carried out."""

    retry_after: int | None = None

    def __init__(
        self,
        detail: str | None = None,
        *,
        errors: Sequence[Fault] = (),
        extra: Mapping[str, object] | None = None,
    ) -> None:
        """Keep what the problem will say."""
        super().__init__(detail)
        self.errors = tuple(errors[:MAX_FAULTS])
        self.extra = dict(extra or {})


class NotJson(Refusal):
    """The body is not JSON."""

    code = "not-json"


class BadHeader(Refusal):
    """A header of the request is malformed."""

    code = "bad-header"


class BadCursor(Refusal):
    """The cursor is none of this list's: start again without it."""

    code = "invalid-cursor"


class TenantRequired(Refusal):
    """A platform key must name its tenant with Waymark-Tenant here."""

    code = "tenant-required"


class Unauthenticated(Refusal):
    """Send a key that is known here: Authorization: Bearer wm_<id>_<secret>."""

    code = "unauthenticated"


class NoCredential(Unauthenticated):
    """Say who you are: Authorization: Bearer wm_<id>_<secret>."""


class UnknownKey(Unauthenticated):
    """This API key is not known."""


class KeyOver(Unauthenticated):
    """This API key is not valid any more."""

    def __init__(self, detail: str, *, why: str) -> None:
        """Keep why, in a word: expired, revoked or rotated."""
        super().__init__(detail)
        self.why = why


class Forbidden(Refusal):
    """This key or token does not allow that."""

    code = "forbidden"


class RateLimited(Refusal):
    """Too many requests: slow down, and come back after Retry-After."""

    code = "rate-limited"
    retryable = True

    def __init__(self, policy: str = "tenant", *, retry_after: int = 1) -> None:
        """Name the policy of RateLimit-Policy that is violated."""
        super().__init__(extra={"violated_policies": [policy]})
        self.retry_after = retry_after


class JobNotFound(Refusal):
    """There is no such job."""

    code = "job-not-found"


class TypeNotFound(Refusal):
    """There is no such job type."""

    code = "type-not-found"


class WebhooksOff(Refusal):
    """This house sends no webhooks: its operator has to set WAYMARK_WEBHOOK_SECRETS."""

    code = "webhooks-not-configured"


class QueueNotFound(Refusal):
    """There is no such queue: no worker serves it, and no job lies in it."""

    code = "queue-not-found"


class BodyTimedOut(Refusal):
    """The body did not arrive in time."""

    code = "request-timeout"
    retryable = True


class BodyCutOff(Refusal):
    """The connection ended before the body did."""

    code = "bad-request"


class AlreadyFinal(Refusal):
    """The job has ended already."""

    code = "job-already-final"


class NothingToRedrive(Refusal):
    """The job is no dead letter: there is nothing to redrive."""

    code = "nothing-to-redrive"


class CampaignNotFound(Refusal):
    """There is no such campaign."""

    code = "campaign-not-found"


class CampaignOver(Refusal):
    """The campaign has finished already."""

    code = "campaign-over"


class TooManyCampaigns(Refusal):
    """Too many campaigns are running: wait for one to finish, or abort one."""

    code = "too-many-campaigns"
    retryable = True


class KeyNotFound(Refusal):
    """There is no such API key."""

    code = "key-not-found"


class KeyInFile(Refusal):
    """This API key stands in WAYMARK_KEYS_FILE: change it there."""

    code = "key-in-file"


class KeyNotActive(Refusal):
    """This API key is over: make a new one."""

    code = "key-not-active"


class TooManySecrets(Refusal):
    """Too many secrets of this key are valid: wait for an overlap to end, or use overlap 0."""

    code = "too-many-secrets"


class TooManyKeys(Refusal):
    """There are as many API keys as fit: revoke some; they go 30 days after."""

    code = "too-many-keys"


class InFlight(Refusal):
    """The first request with this Idempotency-Key is still under way."""

    code = "idempotency-in-flight"
    retryable = True
    retry_after: int | None = 1


class BodyTooLarge(Refusal):
    """The body is too large."""

    code = "body-too-large"


class PayloadTooLarge(Refusal):
    """The payload is too large: hand over a reference to the data instead."""

    code = "payload-too-large"


class NotAcceptedMediaType(Refusal):
    """Send the body as application/json, without a content encoding."""

    code = "unsupported-media-type"


class TooDeep(Refusal):
    """The JSON is nested too deeply."""

    code = "too-deep"


class Invalid(Refusal):
    """The request has faults; `errors` points to each."""

    code = "validation-failed"


class UnknownType(Refusal):
    """No worker has announced this job type."""

    code = "unknown-type"


class KeyReused(Refusal):
    """This Idempotency-Key belongs to a request with another body."""

    code = "idempotency-key-reused"


class UniqueKeyTaken(Refusal):
    """Another job that has not ended has this unique_key: wait for its end, or cancel it."""

    code = "unique-key-taken"


class TooManySteps(Refusal):
    """The job has made 1,000 steps, the most a job may: submit it anew, and discard this one."""

    code = "too-many-steps"


class QuotaExceeded(Refusal):
    """The tenant has as many live jobs as it may: try again when some have ended."""

    code = "quota-exceeded"
    retryable = True
    retry_after: int | None = 10


class EmptyCatalogue(Refusal):
    """No worker has announced a job type yet: try again in a moment."""

    code = "catalogue-empty"
    retryable = True
    retry_after: int | None = 5


class Unavailable(Refusal):
    """The job could not be handed over safely: try again."""

    code = "temporarily-unavailable"
    retryable = True
    retry_after: int | None = 2


class Overloaded(Refusal):
    """Too many requests are under way: try again in a moment."""

    code = "overloaded"
    retryable = True
    retry_after: int | None = 1
