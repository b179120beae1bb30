"""The schemas of requests and answers about dead letters, for the OpenAPI document."""

from services.gateway.openapi.schemas import (
    _COUNT,
    _FLAG,
    _MAYBE_TIME,
    _TEXT,
    _TIME,
    _URI,
    ID,
    Schema,
    _either,
    _maybe,
    _object,
    _ref,
    _request,
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
        "RetryRequest": _request(
            {"reason": _REASON}, example={"reason": "the payment provider is back"}
        ),
        "LetterFilter": _request(_filter()),
        "CampaignRequest": _campaign_request(),
        "Campaign": _campaign(),
        "CampaignOutlook": _object(
            {
                "dry_run": _FLAG,
                "matched": _COUNT,
                "exact": {**_FLAG, "description": "False: at least so many."},
                "sample": {"type": "array", "items": _ref("Job")},
            }
        ),
        "CampaignPage": _object(
            {
                "data": {"type": "array", "items": _ref("Campaign")},
                "page": _object({"next": {"type": ["string", "null"]}, "has_more": _FLAG}),
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
    return _request(
        {
            "filter": {
                **_maybe(_ref("LetterFilter")),
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
        oneOf=_either("filter", {"type": "object"}, "ids", {"type": "array"}),
    )


def _campaign() -> Schema:
    counts = dict.fromkeys(("matched", "done", "failed", "skipped"), _COUNT)
    return _object(
        {
            "id": ID,
            "action": {"enum": [action.value for action in Action]},
            "state": {"enum": [state.value for state in CampaignState]},
            "filter": _maybe(_object(_filter())),
            "rate_per_second": {"type": "number"},
            "limit": {"type": ["integer", "null"]},
            "reason": {"type": ["string", "null"]},
            "created_by": _TEXT,
            "created_at": _TIME,
            "finished_at": _MAYBE_TIME,
            "counts": {
                **_object(counts),
                "description": "skipped: no dead letter any more; failed: no such job.",
            },
            "links": _object({"self": _URI, "abort": _URI}),
        }
    )
