"""webhook.deliver: one event to one URL, signed as Standard Webhooks 1.0 has it, until it is heard.

Fifteen attempts over about eleven hours; a target that says when to come again is not asked sooner.
"""

import json
import time
from http import HTTPStatus
from typing import Annotated, Any, Final

from pydantic import BaseModel, Field

from services.worker import Fail, Retry, current, job
from services.worker.jobs.webhook.courier import Answer, Courier, Unheard, Webhook
from services.worker.jobs.webhook.verdict import Verdict, judge, readable, seconds_asked_for
from shared.contracts.webhooks import DELIVER
from shared.contracts.webhooks.signatures import tenant_secrets
from shared.contracts.webhooks.targets import LONGEST_URL, TargetRefused
from shared.runtime.settings import WebhookSettings

QUEUE: Final = "webhooks"  # of its own: strangers' servers must not hold up anybody else's jobs

Url = Annotated[str, Field(min_length=1, max_length=LONGEST_URL)]
EventId = Annotated[str, Field(pattern=r"^[A-Za-z0-9_:-]{1,128}$")]


class Delivered(BaseModel):
    """What the target answered; `response` is the first KiB of it."""

    status: int
    response: str
    seconds: float


@job(
    DELIVER,
    queue=QUEUE,
    retries=14,
    min_backoff="5s",
    max_backoff="12h",
    time_limit="30s",
    retention="3d",
)
def deliver(url: Url, payload: dict[str, Any], event_id: EventId | None = None) -> Delivered:
    """POST a payload to a URL, signed for the tenant, until it answers 2xx or 410."""
    settings, me = WebhookSettings(), current()
    secrets = tenant_secrets(settings.house_secrets, me.tenant)
    if not secrets:
        raise Retry("webhooks cannot be signed: set WAYMARK_WEBHOOK_SECRETS")
    courier = Courier(rules=settings.target_rules, secrets=secrets)
    body = json.dumps(payload, ensure_ascii=False, separators=(",", ":")).encode()
    name = event_id or me.idempotency_key
    try:
        with me.calling("POST") as call:
            answer = courier.send(Webhook(url=url, event_id=name, body=body, trace=call.headers))
            call.note(
                {
                    "http.request.method": "POST",
                    "http.response.status_code": answer.status,
                    "network.peer.address": answer.address,
                }
            )
            if answer.status >= HTTPStatus.BAD_REQUEST:
                call.failed(str(answer.status))
    except TargetRefused as refused:
        raise Fail(
            f"The webhook's URL is refused. {refused.detail}",
            code="webhook_target_refused",
            details=refused.fields,
        ) from None
    except Unheard as fault:
        raise Retry(f"the target gave no answer: {fault}") from None
    me.log.info("webhook_answered", status=answer.status, seconds=answer.seconds)
    return conclude(answer, now=time.time())


def conclude(answer: Answer, *, now: float) -> Delivered:
    """Return the result of a delivery that was heard; `now` in seconds since the epoch.

    Raises:
        Fail: the target wants no more of them.
        Retry: it wants this one later.
    """
    said = readable(answer.excerpt)
    verdict = judge(answer.status)
    if verdict is Verdict.DELIVERED:
        return Delivered(status=answer.status, response=said, seconds=answer.seconds)
    details = {
        "status": answer.status,
        "response": said,
        "seconds": answer.seconds,
        "address": answer.address,
    }
    if verdict is Verdict.GONE:
        text = "The webhook's target answered 410: it wants no more of them."
        raise Fail(text, code="webhook_gone", details=details)
    raise Retry(
        f"the target answered {answer.status}",
        at_least=seconds_asked_for(answer.retry_after, now=now),
        details=details,
    )
