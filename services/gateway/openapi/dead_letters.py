"""What the API says of dead letters and of campaigns over them."""

from typing import Any, Final

from services.gateway.openapi.document import CURSOR, LIMIT, Extra, answer, operation
from services.gateway.requests.dead_letters import OLDEST_SECONDS, WORD
from shared.contracts.job import DeadLetterReason


def _query(name: str, description: str, **schema: Any) -> Extra:  # noqa: ANN401 - JSON Schema
    return {"name": name, "in": "query", "description": description, "schema": schema}


_WORD: Final = {"type": "string", "pattern": f"^{WORD.pattern}$"}
_AGE: Final = {"type": "number", "minimum": 0, "maximum": OLDEST_SECONDS}
_PAGE: Final = (CURSOR, LIMIT)
_FILTER: Final = (
    _query("type", "The job's type.", **_WORD),
    _query(
        "reason", "Why it waits.", type="string", enum=[reason.value for reason in DeadLetterReason]
    ),
    _query("error_code", "`error.code` of the job.", **_WORD),
    _query("older_than_seconds", "Dead for at least that long.", **_AGE),
    _query("newer_than_seconds", "Dead for at most that long.", **_AGE),
)

RETRY_JOB: Final = operation(
    (
        202,
        answer(
            "Queued again, in a new life; in the broker.",
            *("Job", "Location", "ETag", "Retry-After"),
        ),
    ),
    body="RetryRequest",
    body_required=False,
    errors=(
        "nothing-to-redrive",
        "unique-key-taken",
        "too-many-steps",
        "broker-unavailable",
        "temporarily-unavailable",
    ),
)
LIST_LETTERS: Final = operation(
    (200, answer("A page, those that failed last first.", "DeadLetterPage", "Link")),
    parameters=(*_FILTER, *_PAGE),
)
_OUTLOOK: Final = (200, answer("A dry run: what would be touched.", "CampaignOutlook"))
REDRIVE: Final = operation(
    _OUTLOOK,
    (202, answer("The campaign runs.", "Campaign", "Location")),
    body="CampaignRequest",
    errors=("too-many-campaigns",),
)
DISCARD: Final = operation(
    _OUTLOOK,
    (202, answer("The campaign runs.", "Campaign", "Location")),
    body="CampaignRequest",
    errors=("too-many-campaigns",),
)
LIST_CAMPAIGNS: Final = operation(
    (200, answer("A page, newest first.", "CampaignPage", "Link")), parameters=_PAGE
)
READ_CAMPAIGN: Final = operation((200, answer("The campaign.", "Campaign")))
ABORT_CAMPAIGN: Final = operation(
    (200, answer("It runs no more.", "Campaign")), errors=("campaign-over",)
)
