"""One example of each answer, rendered by the code that renders the real ones."""

import json
from collections import Counter
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from services.gateway.audit.reading import entry_view
from services.gateway.dead_letters.campaigns import Outlook
from services.gateway.dead_letters.views import campaign_view, outlook_view
from services.gateway.keys.listing import stored_view
from services.gateway.openapi import bulk
from services.gateway.queues.depths import Depth
from services.gateway.queues.desk import QueueLine
from services.gateway.queues.views import platform_view, worker_view
from services.gateway.render import AccessView, Renderer
from services.gateway.webhooks.desk import WebhookSecret
from services.gateway.webhooks.events import event
from shared.contracts.api_keys import KeySecret, StoredKey
from shared.contracts.audit import AuditEntry
from shared.contracts.callbacks import DueCallback
from shared.contracts.catalog import Limits, RunningJob, WorkerCard
from shared.contracts.dead_letters import Action, Campaign, CampaignState, LetterFilter
from shared.contracts.job import Attempt, DeadLetter, DeadLetterReason, JobRecord, Outcome
from shared.contracts.lifecycle import State
from shared.contracts.queues import Pause, QueueTally
from shared.contracts.topology import PriorityClass

_RENDERER: Final = Renderer("https://waymark.example.com", "wss://stream.example.com/v1/stream")
_MORNING: Final = 1_767_258_000_000  # 2026-01-01T09:00:00Z
_ID: Final = "019b7904-3c80-7c6e-9d3b-5f2a8e4d1c07"
_CAMPAIGN: Final = "019b7a4d-d100-7b10-8a47-2c9e61f0b3d5"
_ENTRY: Final = "019b7905-26e0-7d2a-b1f4-90c3a7e65d18"
_CURSOR: Final = "AQGbeQQ8gHxunTtfKo5NHAcJt0Tn"
_ACCESS: Final = AccessView(
    token="eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJ0ZW5hbnQiOiJhY21lIn0.c2lnbmF0dXJl",  # noqa: S106 - no secret
    expires_at="2026-01-01T09:15:00.000Z",
    stream_url="wss://stream.example.com/v1/stream",
)


def by_schema() -> dict[str, Any]:
    """Return an example for each schema that a call answers with."""
    job, letter = _running(), _dead()
    campaign = campaign_view(_campaign(), renderer=_RENDERER)
    outlook = outlook_view(Outlook(matched=1, exact=True, sample=[letter]), renderer=_RENDERER)
    return {
        "Job": _plain(_RENDERER.job(job, operator=False)),
        "AcceptedJob": msgspec.json.decode(
            _RENDERER.accepted(_queued(), operator=False, access=_ACCESS)
        ),
        "BulkAnswer": bulk.example(),
        "DeadLetterPage": _page(_plain(_RENDERER.job(letter, operator=True))),
        "JobPage": {
            **_page(_plain(_RENDERER.job(letter, operator=True))),
            "as_of": {"epoch": "8b592835", "seq": 1042},
        },
        "Access": _plain(_ACCESS),
        "Token": {**_plain(_ACCESS), "unknown": []},
        "Campaign": campaign,
        "CampaignPage": _page(campaign),
        "CampaignOutlook": _plain(outlook),
        "ApiKey": _API_KEY,
        "NewApiKey": _API_KEY | {"key": "wm_7Hq2Lw9ZbT4x_…"},
        "ApiKeyPage": _page(_API_KEY),
        "AuditPage": _page(entry_view(_cancelled())),
        "JobEvent": event(_ended(), _RENDERER.links(_ID)),
        "WebhookSecret": _plain(WebhookSecret(secret="whsec_c2VjcmV0", previous=())),  # noqa: S106 - no secret
        "Queue": _queue(),
        "Queues": {"data": [_queue()], "unknown": []},
        "Worker": worker_view(_worker()),
        "Workers": {"data": [worker_view(_worker())]},
        "JobType": _JOB_TYPE,
        "JobTypes": {"data": [_JOB_TYPE]},
    }


_API_KEY: Final = stored_view(
    StoredKey(
        id="7Hq2Lw9ZbT4x",
        tenant="acme",
        scopes=("read", "submit"),
        name="billing",
        secrets=(KeySecret(sha256="0" * 64),),
        created_at=_MORNING,
        created_by="key:Qk83mVbn1sYe",
    ),
    now=_MORNING,
    used={"7Hq2Lw9ZbT4x": _MORNING + 60_000},
)
_LIMITS: Final = Limits(
    soft_time_limit_seconds=3300.0,
    time_limit_seconds=3600.0,
    retries=5,
    min_backoff_seconds=2.0,
    max_backoff_seconds=600.0,
)
_JOB_TYPE: Final = {
    "type": "csv.profile",
    "version": 1,
    "summary": "Count rows and describe every column of a CSV file.",
    "queue": "default",
    "isolation": "slot",
    "limits": msgspec.to_builtins(_LIMITS),
    "payload_schema": {
        "type": "object",
        "properties": {"source": {"type": "string"}},
        "required": ["source"],
        "additionalProperties": False,
    },
    "result_schema": None,
    "workers": 2,
}


def _plain(view: object) -> Any:  # noqa: ANN401 - JSON
    return json.loads(msgspec.json.encode(view))


def _page(one: object) -> dict[str, Any]:
    return {"data": [one], "page": {"next": _CURSOR, "has_more": True}}


def _queued() -> JobRecord:
    return JobRecord(
        id=_ID,
        tenant="acme",
        type="csv.profile",
        type_version=1,
        queue="default",
        priority=5,
        state=State.QUEUED,
        revision=1,
        step=1,
        dispatch=1,
        epoch="8b592835",
        attempt=0,
        max_attempts=6,
        payload='{"source": "/data/flights.csv"}',
        labels={"order": "A-17"},
        created_at=_MORNING,
        submitted_by="key:billing",
    )


def _running() -> JobRecord:
    progress = {
        "current": 120,
        "total": 400,
        "percent": 30.0,
        "message": "reading",
        "updated_at": "2026-01-01T09:00:04.100Z",
    }
    return replace(
        _queued(),
        state=State.RUNNING,
        revision=17,
        step=2,
        attempt=1,
        started_at=_MORNING + 40,
        progress=json.dumps(progress),
        attempts=(_attempt(),),
    )


def _ended() -> DueCallback:
    ended = _MORNING + 4_100
    job = replace(
        _running(), state=State.SUCCEEDED, step=3, finished_at=ended, result='{"rows": 3}'
    )
    return DueCallback(job=job, step=3, state=State.SUCCEEDED, at=ended)


def _dead() -> JobRecord:
    shown = {"code": "declined", "message": "card declined", "type": "Fail", "retryable": False}
    error = json.dumps(shown)
    ended = _MORNING + 900
    return replace(
        _queued(),
        state=State.FAILED,
        revision=3,
        step=3,
        attempt=1,
        started_at=_MORNING + 40,
        finished_at=ended,
        error=error,
        public_error=error,
        dead_letter=DeadLetter(since=ended, reason=DeadLetterReason.NOT_RETRYABLE),
        attempts=(replace(_attempt(), finished_at=ended, outcome=Outcome.FAILED, error=error),),
    )


def _attempt() -> Attempt:
    return Attempt(
        number=1,
        started_at=_MORNING + 40,
        finished_at=None,
        outcome=None,
        error=None,
        worker="worker-7f9c",
    )


def _queue() -> dict[str, object]:
    line = QueueLine(
        name="mails",
        tally=QueueTally(
            waiting=Counter({PriorityClass.HIGH: 2, PriorityClass.NORMAL: 40}),
            oldest=95_250,
            elsewhere=Counter({State.RUNNING: 1, State.SCHEDULED: 7}),
        ),
        workers=2,
        paused=Pause(by="key:oncall", reason="the mail provider is down", at=_MORNING),
        broker=Depth(ready=42, consumers=0),
    )
    return platform_view(line)


def _worker() -> WorkerCard:
    running = RunningJob(
        tenant="acme", job=_ID, type="csv.profile", queue="default", attempt=1, since=_MORNING
    )
    return WorkerCard(
        id="worker-7f9c-17-3ac0de",
        host="worker-7f9c",
        pid=17,
        slots=4,
        busy=1,
        queues=("default", "mails"),
        types=("csv.profile",),
        started_at=_MORNING - 86_400_000,
        version="2026.1.3",
        running=(running,),
        seen_at=_MORNING + 3_000,
    )


def _cancelled() -> AuditEntry:
    return AuditEntry(
        id=_ENTRY,
        at=_MORNING + 60_000,
        tenant="acme",
        by="key:oncall",
        action="job.cancel",
        target=_ID,
        reason="no longer needed",
    )


def _campaign() -> Campaign:
    return Campaign(
        id=_CAMPAIGN,
        action=Action.REDRIVE,
        state=CampaignState.RUNNING,
        filter=LetterFilter(type="csv.profile", error_code="declined"),
        by_ids=False,
        rate=50.0,
        limit=None,
        matched=1200,
        done=350,
        failed=0,
        skipped=2,
        by="key:oncall",
        reason="the payment provider is back",
        created_at=_MORNING + 21_600_000,
        finished_at=None,
    )
