"""Every error that crosses a boundary: a `code`, whether a repeat can help, and its fields.

The first line of a class's docstring is its default text for people. Only the gateway's
`problems.py` turns these into HTTP and only the notifier's `closes.py` into close codes.
"""

from typing import ClassVar


class WaymarkError(Exception):
    """Something went wrong inside Waymark."""

    code: ClassVar[str] = "internal"
    retryable: ClassVar[bool] = False

    def __init__(self, detail: str | None = None, **fields: object) -> None:
        """Keep `detail` (what happened, to what, what to do) and the named `fields`."""
        self.detail = detail or (type(self).__doc__ or "").partition("\n")[0]
        self.fields = fields
        super().__init__(self.detail)

    def __str__(self) -> str:
        """Render the detail and the fields on one line, for logs."""
        facts = " ".join(f"{name}={value}" for name, value in self.fields.items())
        return f"{self.detail} ({facts})" if facts else self.detail


class IllegalTransition(WaymarkError):
    """The lifecycle of a job has no such transition."""

    code = "illegal-transition"


class StoreUnavailable(WaymarkError):
    """The store (Redis) did not answer in time; what was asked may or may not have happened."""

    code = "store-unavailable"
    retryable = True


class BrokerUnavailable(WaymarkError):
    """The broker (RabbitMQ) did not confirm in time; the message may or may not have arrived."""

    code = "broker-unavailable"
    retryable = True


class Unroutable(WaymarkError):
    """The broker has no queue for this message: no worker has declared it."""

    code = "unknown-queue"


class Undecodable(WaymarkError):
    """The message is not one of Waymark's: it cannot be decoded."""

    code = "undecodable"


class InvalidToken(WaymarkError):
    """The token is not valid: wrong signature, wrong audience or malformed."""

    code = "invalid-token"


class ExpiredToken(InvalidToken):
    """The token has expired: ask for a new one."""

    code = "token-expired"
    retryable = True


class RevokedToken(InvalidToken):
    """The API key that this token was minted with was revoked."""

    code = "token-revoked"
