"""The headers of answers and of requests, as the API's description names them."""

from typing import Any, Final

Extra = dict[str, Any]

TEXT: Final[Extra] = {"type": "string"}
_SECONDS: Final[Extra] = {"type": "integer", "minimum": 1}


def _always(description: str, schema: Extra = TEXT) -> Extra:
    return {"description": description, "required": True, "schema": schema}


def _sometimes(description: str, schema: Extra = TEXT) -> Extra:
    return {"description": description, "schema": schema}


ANSWERED: Final[dict[str, Extra]] = {
    "X-Request-Id": _always(
        "What to quote when asking about this request; yours, if you sent one."
    ),
    "ETag": _always(
        'The job\'s state: `"<epoch>-<revision>-<step>"`.',
        {"type": "string", "pattern": r'^"[0-9A-Za-z]+-\d+-\d+"$'},
    ),
    "Location": _always("Where it is read.", {"type": "string", "format": "uri"}),
    "Link": _sometimes('The next page: `<…>; rel="next"`. Missing on the last one.'),
    "Retry-After": _sometimes("In how many seconds a look is worth while.", _SECONDS),
    "Come-Back-After": _always("Seconds to wait before the same request is tried again.", _SECONDS),
    "Idempotent-Replayed": _sometimes(
        "The Idempotency-Key was known: this is the job that it made.", {"enum": ["true"]}
    ),
    "Preference-Applied": _sometimes(
        "The preference that was honoured.", {"type": "string", "pattern": r"^wait=\d+$"}
    ),
    "RateLimit-Policy": _sometimes(
        'The rate that the caller has: `"tenant";q=10000;w=2`, q requests in w seconds.',
        {"type": "string", "pattern": r'^"[a-z]+";q=\d+;w=\d+$'},
    ),
    "RateLimit": _sometimes(
        'What is left of it: `"tenant";r=9990;t=1`, r requests; all of them in t seconds.',
        {"type": "string", "pattern": r'^"[a-z]+";r=\d+;t=\d+$'},
    ),
    "WWW-Authenticate": _always("How to say who you are."),
}
"""By the name of the component. Come-Back-After is Retry-After where it is never left out."""

STANDING: Final = ("RateLimit-Policy", "RateLimit")
"""Of every answer to somebody who has a rate."""

_SPELLED: Final = {"Come-Back-After": "Retry-After"}


def answered(*names: str) -> Extra:
    """Return the `headers` of an answer, as references to the components of these names."""
    return {
        _SPELLED.get(name, name): {"$ref": f"#/components/headers/{name}"}
        for name in ("X-Request-Id", *names)
    }


def sent(name: str, description: str, **schema: Any) -> Extra:  # noqa: ANN401 - JSON Schema
    """Return the parameter that describes a header of a request."""
    shape = {"type": "string", **schema}
    return {"name": name, "in": "header", "description": description, "schema": shape}


TENANT: Final = sent(
    "Waymark-Tenant",
    "Platform keys only, and there it is required: whose resources this is about.",
    pattern="^[a-z0-9-]{1,63}$",
)
ONE_TENANT: Final = sent(
    "Waymark-Tenant",
    "Platform keys only: count the jobs of this tenant; without it, everybody's.",
    pattern="^[a-z0-9-]{1,63}$",
)
WAIT: Final = sent(
    "Prefer", "`wait=N`: hold the answer for at most N seconds, N up to 30.", example="wait=20"
)
KEY: Final = sent(
    "Idempotency-Key",
    "One key, one job: 1-255 visible ASCII characters, bare or in double quotes. It stays bound "
    "for 24 h, and as long as the job is kept.",
    pattern=r'^("([ !#-\[\]-~]|\\["\\]){1,255}"|[!#-~]{1,255})$',
)
TRACE: Final = sent("Traceparent", "W3C trace context; handed on to the worker.")
KNOWN: Final = sent("If-None-Match", "An ETag: 304 while the job is as it was.")
