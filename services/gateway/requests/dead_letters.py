"""What an operator may say about dead letters: which ones, how fast, how many, why."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from services.gateway.read import is_job_id
from services.gateway.refusals import Fault, Invalid
from services.gateway.requests.fields import (
    Broken,
    Fields,
    Rule,
    a_flag,
    a_name,
    a_text,
    a_whole_number,
    an_object,
    pointer,
    seconds_as_ms,
)
from services.gateway.requests.pages import DEFAULT_LIMIT, MAX_LIMIT
from shared.contracts.dead_letters import LetterFilter
from shared.contracts.job import DeadLetterReason

MAX_IDS: Final = 1000
LONGEST_REASON: Final = 500  # characters
DEFAULT_RATE: Final = 100.0  # letters a second
SLOWEST_RATE: Final = 0.1
FASTEST_RATE: Final = 1000.0
OLDEST_SECONDS: Final = 10 * 366 * 86_400
MOST_LETTERS: Final = 1_000_000_000
WORD: Final = re.compile(r"[^\x00-\x1f\x7f]{1,128}")  # a type, an error code
_NUMBER: Final = re.compile(r"\d{1,20}(\.\d{1,20})?([eE][+-]?\d{1,3})?", re.ASCII)


@dataclass(frozen=True, slots=True, kw_only=True)
class LetterQuery:
    """A page of dead letters as asked for; `cursor` is not read yet."""

    filter: LetterFilter
    cursor: str | None
    limit: int


@dataclass(frozen=True, slots=True, kw_only=True)
class CampaignRequest:
    """A campaign as asked for; by `filter` when `ids` is empty."""

    filter: LetterFilter
    ids: tuple[str, ...]
    rate: float
    limit: int | None
    dry_run: bool
    reason: str | None


def parse_letter_query(query: Mapping[str, str]) -> LetterQuery:
    """Return what the query of GET /v1/dead-letters asks for.

    Raises:
        Invalid: with a fault for each parameter that is unknown or wrong.
    """
    members: dict[str, object] = dict(query)
    for name in ("limit", "older_than_seconds", "newer_than_seconds"):
        if name in query and _NUMBER.fullmatch(query[name]):
            members[name] = int(query[name]) if query[name].isdecimal() else float(query[name])
    fields = Fields(members)
    found = _filter(fields)
    cursor = fields.optional("cursor", a_text(longest=200))
    limit = fields.optional("limit", a_whole_number(1, MAX_LIMIT))
    _finish(fields, "query")
    return LetterQuery(filter=found, cursor=cursor, limit=limit or DEFAULT_LIMIT)


def parse_campaign_request(body: object) -> CampaignRequest:
    """Return what a body `{filter | ids, rate_per_second?, limit?, dry_run?, reason?}` asks for.

    Raises:
        Invalid: with a fault for each thing wrong.
    """
    fields = Fields(body)
    members = fields.optional("filter", an_object)
    ids = fields.optional("ids", _some_ids)
    rate = fields.optional("rate_per_second", _a_number(SLOWEST_RATE, FASTEST_RATE))
    limit = fields.optional("limit", a_whole_number(1, MOST_LETTERS))
    dry_run = fields.optional("dry_run", a_flag)
    reason = fields.optional("reason", a_text(longest=LONGEST_REASON))
    if (members is None) == (ids is None) and not fields.faults:
        fields.fault("filter", "Give either a filter ({} for all of them) or ids.")
    fields.finish()
    return CampaignRequest(
        filter=_nested_filter(members or {}),
        ids=ids or (),
        rate=DEFAULT_RATE if rate is None else rate,
        limit=limit,
        dry_run=bool(dry_run),
        reason=reason,
    )


def parse_reason(body: object) -> str | None:
    """Return the reason in a body `{reason?}`; raises Invalid."""
    fields = Fields(body)
    reason = fields.optional("reason", a_text(longest=LONGEST_REASON))
    fields.finish()
    return reason


def _nested_filter(members: dict[str, object]) -> LetterFilter:
    fields = Fields(members)
    found = _filter(fields)
    _finish(fields, "filter")
    return found


def _filter(fields: Fields) -> LetterFilter:
    age = seconds_as_ms(OLDEST_SECONDS)
    return LetterFilter(
        type=fields.optional("type", a_name(WORD)),
        reason=fields.optional("reason", _a_reason),
        error_code=fields.optional("error_code", a_name(WORD)),
        older_than=fields.optional("older_than_seconds", age),
        newer_than=fields.optional("newer_than_seconds", age),
    )


def _finish(fields: Fields, where: str) -> None:
    """Let the faults point to where these fields lie."""
    try:
        fields.finish()
    except Invalid as invalid:
        faults = [Fault(one.detail, pointer(where) + one.pointer) for one in invalid.errors]
        raise Invalid(errors=faults) from None


def _a_reason(value: object) -> DeadLetterReason:
    try:
        return DeadLetterReason(value)  # type: ignore[arg-type] # whatever is none is refused
    except ValueError:
        words = ", ".join(DeadLetterReason)
        raise Broken(f"This must be one of {words}.") from None


def _a_number(least: float, most: float) -> Rule[float]:
    def rule(value: object) -> float:
        if isinstance(value, bool) or not isinstance(value, int | float):
            raise Broken("This must be a number.")
        if not least <= value <= most:
            raise Broken(f"This must be a number from {least:g} to {most:g}.")
        return float(value)

    return rule


def _some_ids(value: object) -> tuple[str, ...]:
    if not isinstance(value, list) or not 1 <= len(value) <= MAX_IDS:
        raise Broken(f"This must be a list of 1 to {MAX_IDS} job ids.")
    for item in value:
        if not isinstance(item, str) or not is_job_id(item):
            raise Broken("Each of these must be a job's id.")
    return tuple(dict.fromkeys(value))
