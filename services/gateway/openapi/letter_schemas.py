"""The schemas of requests and answers about dead letters, for the OpenAPI document."""

from services.gateway.openapi.schemas import (
    COUNT,
    FLAG,
    ID,
    MAYBE_TIME,
    TEXT,
    TIME,
    URI,
    Schema,
    a_request,
    an_object_of,
    either,
    maybe,
    ref,
)
from services.gateway.requests.dead_letters import (
    DEFAULT_RATE,
    FASTEST_RATE,
    LONGEST_REASON,
    MAX_IDS,
    MOST_LETTERS,
    OLDEST_SECONDS,
    SLOWEST_RATE,
    WORD,
)
from shared.contracts.dead_letters import Action, CampaignState
from shared.contracts.job import DeadLetterReason

_REASON: Schema = {"type": ["string", "null"], "maxLength": LONGEST_REASON}
_WORD: Schema = {"type": ["string", "null"], "pattern": f"^{WORD.pattern}$"}
_AGE: Schema = {"type": ["number", "null"], "minimum": 0, "maximum": OLDEST_SECONDS}


def named() -> dict[str, Schema]:
    """Return every schema by its name."""
    return {
        "RetryRequest": a_request(
            {"reason": _REASON}, example={"reason": "the payment provider is back"}
        ),
        "LetterFilter": a_request(_filter()),
        "CampaignRequest": _campaign_request(),
        "Campaign": _campaign(),
        "CampaignOutlook": an_object_of(
            {
                "dry_run": FLAG,
                "matched": COUNT,
                "exact": {**FLAG, "description": "False: at least so many."},
                "sample": {"type": "array", "items": ref("Job")},
            }
        ),
        "DeadLetterPage": an_object_of(
            {
                "data": {"type": "array", "items": ref("Job")},
                "page": an_object_of({"next": {"type": ["string", "null"]}, "has_more": FLAG}),
            }
        ),
        "CampaignPage": an_object_of(
            {
                "data": {"type": "array", "items": ref("Campaign")},
                "page": an_object_of({"next": {"type": ["string", "null"]}, "has_more": FLAG}),
            }
        ),
    }


def _filter() -> dict[str, Schema]:
    return {
        "type": _WORD,
        "reason": {"enum": [*(reason.value for reason in DeadLetterReason), None]},
        "error_code": _WORD,
        "older_than_seconds": _AGE,
        "newer_than_seconds": _AGE,
    }


def _campaign_request() -> Schema:
    return a_request(
        {
            "filter": {
                **maybe(ref("LetterFilter")),
                "description": "Either this ({} for all dead letters) or ids.",
            },
            "ids": {
                "type": ["array", "null"],
                "items": ID,
                "minItems": 1,
                "maxItems": MAX_IDS,
            },
            "rate_per_second": {
                "type": ["number", "null"],
                "minimum": SLOWEST_RATE,
                "maximum": FASTEST_RATE,
                "default": DEFAULT_RATE,
            },
            "limit": {"type": ["integer", "null"], "minimum": 1, "maximum": MOST_LETTERS},
            "dry_run": {"type": ["boolean", "null"], "default": False},
            "reason": _REASON,
        },
        example={
            "filter": {"type": "csv.profile", "error_code": "declined"},
            "rate_per_second": 50,
            "reason": "the payment provider is back",
        },
        oneOf=either("filter", {"type": "object"}, "ids", {"type": "array"}),
    )


def _campaign() -> Schema:
    counts = dict.fromkeys(("matched", "done", "failed", "skipped"), COUNT)
    return an_object_of(
        {
            "id": ID,
            "action": {"enum": [action.value for action in Action]},
            "state": {"enum": [state.value for state in CampaignState]},
            "filter": maybe(an_object_of(_filter())),
            "rate_per_second": {"type": "number"},
            "limit": {"type": ["integer", "null"]},
            "reason": {"type": ["string", "null"]},
            "created_by": TEXT,
            "created_at": TIME,
            "finished_at": MAYBE_TIME,
            "counts": {
                **an_object_of(counts),
                "description": "skipped: no dead letter any more; failed: no such job.",
            },
            "links": an_object_of({"self": URI, "abort": URI}),
        }
    )
