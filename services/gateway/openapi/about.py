"""What a reader of the API's description has to know before the first call."""

from typing import Final

ABOUT: Final = """\
A job is submitted with one call, runs on a worker with retries and real time limits, and can be
followed live. **202 means safe**: the job is on record and in the broker, and it will reach
exactly one final state, whatever process dies.

**Who you are.** `Authorization: Bearer wm_<id>_<secret>`, an API key with scopes (`submit`,
`read`, `operate`) that belongs to one tenant. A platform key names its tenant with
`Waymark-Tenant`. What belongs to another tenant is not there: 404, as for an id that never was.
A browser token (a JWT from `POST /v1/tokens`, or from a submit) may read, watch and, when it was
minted so, cancel the jobs it names.

**Errors** are RFC 9457 problems, `application/problem+json`, everywhere. `code` is for programs,
`detail` for people, `errors` points to each fault of a body with a JSON pointer, `retryable` says
whether the same request may succeed later; with 429 and 503 `Retry-After` says when. Quote
`request_id` (also the header `X-Request-Id`, which you may choose) when you ask about one.

**Repeating is safe.** Send an `Idempotency-Key` with a submit: one key makes one job, also through
outages; a repeat gets the job as it is now, with `Idempotent-Replayed: true`.

**Waiting.** `Prefer: wait=N` holds a submit until the job has ended and a read with
`If-None-Match` until it changes, for at most N seconds. Nothing is polled behind it.

**JSON** is read strictly: a repeated key, NaN, a number beyond a double or a lone surrogate is
400. Times are RFC 3339, in UTC; a duration has its unit in its name. Ids are UUIDv7. Members that
are not known are refused, so that a misspelt one does not pass silently.
"""

TAGS: Final = {
    "jobs": "Submit, follow, list, cancel.",
    "dead-letters": "What failed for good, and the two ways out: for operators.",
    "tokens": "What a browser may be given.",
    "keys": "API keys, made and taken back: for platform keys.",
    "audit": "What operators did, by whom and why.",
    "webhooks": "What is told to servers of yours, signed, and how they verify it.",
    "queues": "What waits where, and what may rest for a while: for operators.",
    "workers": "Who is alive and what they run: for operators.",
    "types": "What can be run: the job types that workers have announced.",
    "probes": "For whoever runs the house; no credentials.",
}
