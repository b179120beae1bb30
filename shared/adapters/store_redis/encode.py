"""From an operation to a script, its keys and its arguments; the order is that of the Lua files."""

import secrets
from collections.abc import Callable
from operator import itemgetter
from typing import Any, Final

import msgspec
from msgspec.structs import replace

from shared.adapters.store_redis import keys
from shared.contracts import batches, callbacks, feed, idempotency, overdue, queues, retention
from shared.contracts import dead_letters as letters
from shared.contracts import operations as ops
from shared.contracts.commands import RunJob

Argument = str | int | bytes

AS_BEFORE: Final = "="  # the rest is said of the job before it; else "" and the rest
_DESCRIBED: Final = 23  # arguments
_OWN: Final = (4, 10, 11, 17, 20)  # of these: payload, traceparent, key, unique key, fingerprint
_own_of: Final = itemgetter(*_OWN)
_rest_of: Final = itemgetter(*(place for place in range(_DESCRIBED) if place not in _OWN))


class Call(msgspec.Struct, frozen=True):
    """One script call. `enrols`: it may write the tenant's first record."""

    script: str
    keys: tuple[str, ...]
    args: tuple[Argument, ...]
    enrols: bool = False


def encode(operation: ops.Operation[Any]) -> Call:
    """Return the script call that carries out `operation`."""
    return _ENCODERS[type(operation)](operation)


def _given(value: str | int | None) -> Argument:
    return "" if value is None else value


def trace_text(traceparent: str | None, tracestate: str | None) -> str:
    """Return a trace context as records keep it: the traceparent, a space and the tracestate."""
    return f"{traceparent} {tracestate}" if traceparent and tracestate else traceparent or ""


def _head(operation: ops.Operation[Any], job: str) -> tuple[Argument, ...]:
    return (keys.prefix(operation.tenant), secrets.token_hex(8), job)


def _labels(labels: dict[str, str]) -> str:
    return msgspec.json.encode(labels).decode() if labels else "{}"


def _about_job(script: str, operation: Any, *args: Argument) -> Call:  # noqa: ANN401 - has `.job`
    job = operation.job
    return Call(script, keys.of_job(operation.tenant, job), (*_head(operation, job), *args))


def _about_tenant(script: str, operation: ops.Operation[Any], *args: Argument) -> Call:
    return Call(script, keys.of_tenant(operation.tenant), (*_head(operation, ""), *args))


def _about_message(script: str, operation: Any, *args: Argument) -> Call:  # noqa: ANN401 - `.message`
    message: RunJob = operation.message
    options = message.options
    described = (
        message.type,
        options.type_version,
        options.queue,
        options.priority,
        message.payload,
        options.max_attempts,
        _labels(options.labels),
        options.submitted_by,
        _given(options.run_at),
        _given(options.expires_at),
        trace_text(options.traceparent, options.tracestate),
        _given(options.key_hash),
        options.recorded_at,
        options.dispatch,
        options.attempts,
        options.crashes,
        options.retention,
        _given(options.unique_key),
        _given(options.callback_url),
    )
    return Call(
        script,
        keys.of_job(operation.tenant, message.job),
        (*_head(operation, message.job), *described, *args),
        enrols=True,
    )


def _submit(op: ops.Submit) -> Call:
    own = keys.of_job(op.tenant, op.job)
    bound = (keys.idempotency(op.tenant, op.key.hash),) if op.key else ()
    return Call("submit", own + bound, (*_head(op, op.job), *described(op)), enrols=True)


def _submit_many(op: batches.SubmitMany) -> Call:
    head, told, before = head_of_many(op), list[Argument](), None
    for one in op.jobs:
        own, rest = split(described(one))
        common = common_of(one)
        told += [one.job, *own, *([AS_BEFORE] if common == before else ["", *rest])]
        before = common
    return replace(head, args=(*head.args, *told))


def common_of(op: ops.Submit) -> tuple[object, ...]:
    """Return what the jobs of a batch mostly have in common: where it is equal, so is the rest."""
    return (
        op.type,
        op.type_version,
        op.queue,
        op.priority,
        op.max_attempts,
        op.labels,
        op.submitted_by,
        op.run_at,
        op.expires_at,
        op.retention,
        op.callback_url,
        op.delay,
        op.on_conflict,
        op.quota,
    )


def split(described: tuple[Argument, ...]) -> tuple[tuple[Argument, ...], tuple[Argument, ...]]:
    """Return what is mostly a job's own, and what jobs of a batch mostly have in common."""
    return _own_of(described), _rest_of(described)


def head_of_many(op: batches.SubmitMany) -> Call:
    """Return the call without what it says of each job."""
    args = (*_head(op, ""), int(op.atomic), len(op.jobs))
    return Call("submit_many", keys.of_tenant(op.tenant), args, enrols=True)


def described(op: ops.Submit) -> tuple[Argument, ...]:
    """Return what a submit says of its job: 4-26 of submit.lua."""
    return (
        op.type,
        op.type_version,
        op.queue,
        op.priority,
        op.payload,
        op.max_attempts,
        _labels(op.labels),
        op.submitted_by,
        _given(op.run_at),
        _given(op.expires_at),
        trace_text(op.traceparent, op.tracestate),
        op.key.hash if op.key else "",
        "",  # created_at: the script's own time
        1,
        0,
        0,
        op.retention,
        _given(op.unique_key),
        _given(op.callback_url),
        _given(op.delay),
        op.key.fingerprint if op.key else "",
        op.on_conflict,
        _given(op.quota),
    )


def _about_key(script: str, op: idempotency.Recall | idempotency.Unmark, *args: Argument) -> Call:
    bound = (*keys.of_job(op.tenant, op.job), keys.idempotency(op.tenant, op.key.hash))
    return Call(script, bound, (*_head(op, op.job), *args))


def _settle(script: str, op: ops.Settle, *args: Argument) -> Call:
    return _about_job(script, op, op.token, _given(op.progress), *args)


def _fault(fault: ops.Fault) -> tuple[str, str, str]:
    return (fault.error, fault.public, fault.outcome)


def _find_overdue(op: overdue.FindOverdue) -> Call:
    told = [part for one in op.news for part in (one.queue, one.handed, int(one.empty))]
    args = (op.limit, op.after, len(op.news), *told, *sorted(op.held))
    return _about_tenant("find_overdue", op, *args)


def _list_jobs(op: ops.ListJobs) -> Call:
    wanted = op.filter
    place = (op.before.created_at, op.before.job) if op.before else ("", "")
    args = (
        op.limit,
        *place,
        _given(wanted.created_since),
        _given(wanted.created_before),
        _given(wanted.state),
        _given(wanted.type),
        _given(wanted.queue),
        *(f"{name}={value}" for name, value in wanted.labels.items()),
    )
    return _about_tenant("list_jobs", op, *args)


def _filter(wanted: letters.LetterFilter) -> tuple[Argument, ...]:
    return (
        _given(wanted.type),
        _given(wanted.reason),
        _given(wanted.error_code),
        _given(wanted.older_than),
        _given(wanted.newer_than),
    )


def _place(place: letters.Place | None) -> str:
    return "" if place is None else f"{place.since:013d} {place.job}"


def _start_campaign(op: letters.StartCampaign) -> Call:
    args = (*_filter(op.filter), op.matched, repr(float(op.rate)), _given(op.limit), op.by)
    args += (_given(op.reason), *op.ids)
    call = _about_tenant("start_campaign", op, op.campaign, op.action, *args)
    return replace(call, enrols=True)


_ENCODERS: Final[dict[type, Callable[[Any], Call]]] = {
    ops.Submit: _submit,
    idempotency.Recall: lambda op: _about_key("recall", op, op.key.fingerprint),
    idempotency.Unmark: lambda op: _about_key("unmark", op),
    ops.Confirm: lambda op: _about_job("confirm", op, op.dispatch),
    batches.SubmitMany: _submit_many,
    batches.ConfirmMany: lambda op: _about_tenant(
        "confirm_many", op, *(part for pair in op.dispatches for part in pair)
    ),
    retention.DeleteEnded: lambda op: _about_tenant("delete_ended", op, op.limit),
    callbacks.DueCallbacks: lambda op: _about_tenant("due_callbacks", op, op.limit),
    callbacks.ClearCallback: lambda op: _about_job("clear_callback", op, op.step),
    ops.Cancel: lambda op: _about_job(
        "cancel", op, _given(op.reason), _given(op.grace), int(op.only_unconfirmed)
    ),
    ops.Read: lambda op: _about_job("read", op),
    ops.ListJobs: _list_jobs,
    ops.Claim: lambda op: _about_message(
        "claim", op, op.token, op.worker, op.lease, int(op.paused)
    ),
    ops.Heartbeat: lambda op: _about_message("heartbeat", op, op.token, op.worker, op.lease),
    ops.Progress: lambda op: _about_job("progress", op, op.token, op.number, op.progress),
    ops.Checkpoint: lambda op: _about_job("checkpoint", op, op.token, op.data),
    ops.Succeed: lambda op: _settle("succeed", op, op.result),
    ops.Retry: lambda op: _settle("retry", op, *_fault(op.fault), op.delay),
    ops.Fail: lambda op: _settle("fail", op, *_fault(op.fault), op.reason),
    ops.Stop: lambda op: _settle("stop", op, op.rung),
    ops.Release: lambda op: _settle("release", op, int(op.lost)),
    ops.Park: lambda op: _about_message("park", op, op.fault.error, op.fault.public),
    ops.Tick: lambda op: _about_tenant("tick", op, op.lease),
    ops.Sweep: lambda op: _about_tenant("sweep", op, op.limit),
    ops.Archive: lambda op: _about_message("archive", op, int(op.delivery_limit)),
    letters.KeepUndecodable: lambda op: _about_tenant(
        "keep_undecodable", op, op.digest, op.body, op.size, op.why
    ),
    overdue.FindOverdue: _find_overdue,
    overdue.Expect: lambda op: _about_job("expect", op, op.dispatch, op.delay),
    ops.Locate: lambda op: _about_job("locate", op, op.after_step),
    feed.ReadFeed: lambda op: _about_tenant(
        "read_feed", op, *((op.after.epoch, op.after.seq) if op.after else ("", "")), op.limit
    ),
    queues.SurveyQueues: lambda op: _about_tenant("survey_queues", op),
    queues.SurveyOutbox: lambda op: _about_tenant("survey_outbox", op),
    letters.Redrive: lambda op: _about_job("redrive", op, op.turn),
    letters.Discard: lambda op: _about_job("discard", op, op.by, _given(op.reason)),
    letters.ListDeadLetters: lambda op: _about_tenant(
        "list_dead_letters", op, *_filter(op.filter), _place(op.before), op.limit
    ),
    letters.CountDeadLetters: lambda op: _about_tenant(
        "count_dead_letters", op, *_filter(op.filter), _place(op.before)
    ),
    letters.SurveyDeadLetters: lambda op: _about_tenant("survey_dead_letters", op),
    letters.StartCampaign: _start_campaign,
    letters.AdvanceCampaign: lambda op: _about_tenant(
        "advance_campaign", op, op.campaign, op.turn, op.most
    ),
    letters.ReadCampaign: lambda op: _about_tenant("read_campaign", op, op.campaign),
    letters.ListCampaigns: lambda op: _about_tenant(
        "list_campaigns", op, _given(op.before), op.limit
    ),
    letters.AbortCampaign: lambda op: _about_tenant("abort_campaign", op, op.campaign),
}
