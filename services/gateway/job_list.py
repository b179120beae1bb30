"""A page of jobs, newest first: which jobs, and the cursor that leads to the next page. Pure."""

import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Final, TypeVar
from urllib.parse import urlencode

from services.gateway.refusals import Fault, Invalid
from services.gateway.requests.cursors import read_place, write_place
from services.gateway.requests.fields import Broken, a_moment, a_name, one_of, pointer
from services.gateway.requests.jobs import LABEL, MAX_LABEL_VALUE, QUEUE, TYPE
from services.gateway.requests.pages import DEFAULT_LIMIT, MAX_LIMIT
from services.gateway.times import rfc3339
from shared.contracts.lifecycle import State
from shared.contracts.listing import EVERY_JOB, JobFilter, JobPlace

LABEL_PREFIX: Final = "label."
_LIMIT: Final = re.compile(r"\d{1,3}", re.ASCII)
_PLACE: Final = re.compile(r"\d{1,15} [0-9a-f-]{36}", re.ASCII)  # created_at (ms), id

_state: Final = one_of(State)
_type: Final = a_name(TYPE)
_queue: Final = a_name(QUEUE)

Value = TypeVar("Value")


@dataclass(frozen=True, slots=True)
class PageRequest:
    """`before`: the place that the page starts after; None: from the newest."""

    before: JobPlace | None
    limit: int
    filter: JobFilter = EVERY_JOB

    @property
    def query(self) -> dict[str, str]:
        """The filter and the limit as they stand in a query."""
        return {**_spelled(self.filter), "limit": str(self.limit)}

    def link(self, cursor: str, *, base_url: str) -> str:
        """Return the Link to the next page, with the same filter."""
        return f'<{base_url}/v1/jobs?{urlencode({**self.query, "cursor": cursor})}>; rel="next"'


def parse_page_request(query: Iterable[tuple[str, str]], *, tenant: str) -> PageRequest:
    """Return what the query of GET /v1/jobs asks for.

    Raises:
        Invalid: an unknown parameter, one that is given twice, or a value that is none.
        BadCursor: a cursor that did not come from this list with this filter.
    """
    reader = _Reader(query)
    wanted = JobFilter(
        state=reader.take("state", _state),
        type=reader.take("type", _type),
        queue=reader.take("queue", _queue),
        labels=reader.take_labels(),
        created_since=reader.take("created_after", a_moment),
        created_before=reader.take("created_before", a_moment),
    )
    limit = reader.take("limit", _a_limit)
    cursor = reader.take("cursor", str)
    reader.finish()
    before = None if cursor is None else read_cursor(cursor, tenant=tenant, wanted=wanted)
    return PageRequest(before, DEFAULT_LIMIT if limit is None else limit, wanted)


class _Reader:
    """The parameters of a query one by one; collects what is wrong with them."""

    def __init__(self, query: Iterable[tuple[str, str]]) -> None:
        self._left: dict[str, str] = {}
        self._faults: list[Fault] = []
        for name, value in query:
            if name in self._left:
                self._fault(name, "This may be given once.")
            self._left[name] = value

    def take(self, name: str, rule: Callable[[str], Value]) -> Value | None:
        """Return a parameter, or None when it is missing or at fault."""
        if name not in self._left:
            return None
        try:
            return rule(self._left.pop(name))
        except Broken as broken:
            self._fault(name, str(broken))
            return None

    def take_labels(self) -> dict[str, str]:
        """Return the values of label.<name>."""
        names = [name for name in self._left if name.startswith(LABEL_PREFIX)]
        found = {name.removeprefix(LABEL_PREFIX): self._left.pop(name) for name in names}
        for name, value in found.items():
            if not LABEL.fullmatch(name) or len(value) > MAX_LABEL_VALUE:
                self._fault(LABEL_PREFIX + name, "No label has such a name or value.")
        return dict(sorted(found.items()))

    def finish(self) -> None:
        """Say what was wrong.

        Raises:
            Invalid: with a fault for each.
        """
        for name in self._left:
            self._fault(name, "This parameter is not known.")
        if self._faults:
            raise Invalid(errors=self._faults)

    def _fault(self, name: str, detail: str) -> None:
        self._faults.append(Fault(detail, pointer("query", name)))


def _a_limit(text: str) -> int:
    if not (_LIMIT.fullmatch(text) and 1 <= int(text) <= MAX_LIMIT):
        raise Broken(f"This must be a whole number from 1 to {MAX_LIMIT}.")
    return int(text)


def write_cursor(place: JobPlace, *, tenant: str, wanted: JobFilter) -> str:
    """Return the cursor for the page after `place`."""
    return write_place(f"{place.created_at} {place.job}", of=_name(tenant, wanted))


def read_cursor(cursor: str, *, tenant: str, wanted: JobFilter) -> JobPlace:
    """Return the place in a cursor.

    Raises:
        BadCursor: it did not come from a list of this tenant with this filter.
    """
    created_at, _, job = read_place(cursor, of=_name(tenant, wanted), like=_PLACE).partition(" ")
    return JobPlace(created_at=int(created_at), job=job)


def _name(tenant: str, wanted: JobFilter) -> object:
    return "jobs", tenant, sorted(_spelled(wanted).items())


def _spelled(wanted: JobFilter) -> dict[str, str]:
    found = {
        "state": wanted.state,
        "type": wanted.type,
        "queue": wanted.queue,
        "created_after": _moment(wanted.created_since),
        "created_before": _moment(wanted.created_before),
        **{LABEL_PREFIX + name: value for name, value in wanted.labels.items()},
    }
    return {name: value for name, value in found.items() if value is not None}


def _moment(ms: int | None) -> str | None:
    return None if ms is None else rfc3339(ms)
