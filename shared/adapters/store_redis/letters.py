"""From what the scripts about dead letters and campaigns reply to their answers."""

from collections.abc import Callable
from typing import Any, Final

from shared.adapters.store_redis.records import record, text
from shared.contracts import dead_letters as letters
from shared.contracts.commands import RunJob
from shared.contracts.job import DeadLetterReason


def _answered(op: letters.Redrive | letters.Discard, reply: list[Any]) -> letters.LetterAnswer:
    verdict = letters.LetterVerdict(text(reply[0]))
    if verdict is letters.LetterVerdict.NOT_FOUND:
        return letters.LetterAnswer(verdict=verdict)
    if verdict is letters.LetterVerdict.TAKEN:
        return letters.LetterAnswer(verdict=verdict, holder=text(reply[1]))
    _, owed, epoch, flat, ended, _ = reply
    job = record(op.tenant, op.job, text(epoch), flat, ended)
    publish = RunJob.of(job) if owed else None
    return letters.LetterAnswer(verdict=verdict, job=job, publish=publish)


def _place(member: bytes) -> letters.Place | None:
    since, _, job = text(member).partition(" ")
    return letters.Place(since=int(since), job=job) if member else None


def _listed(op: letters.ListDeadLetters, reply: list[Any]) -> letters.LetterPage:
    epoch, last, page = reply
    jobs = tuple(record(op.tenant, text(job), text(epoch), *rest) for job, *rest in page)
    return letters.LetterPage(jobs=jobs, next=_place(last))


def _counted(_: letters.CountDeadLetters, reply: list[Any]) -> letters.LetterCount:
    count, last = reply
    return letters.LetterCount(count=count, next=_place(last))


def _surveyed(_: letters.SurveyDeadLetters, reply: list[Any]) -> letters.Survey:
    flat, undecodable, running = reply
    found = {text(name): int(count) for name, count in zip(flat[::2], flat[1::2], strict=True)}
    reasons = {reason: found.get(reason, 0) for reason in DeadLetterReason}
    reasons[DeadLetterReason.UNDECODABLE] += undecodable
    return letters.Survey(reasons=reasons, running=tuple(sorted(map(text, running))))


def _campaign(identity: str, flat: list[bytes]) -> letters.Campaign | None:
    if not flat:
        return None
    found = {text(name): text(value) for name, value in zip(flat[::2], flat[1::2], strict=True)}
    return letters.Campaign(
        id=identity,
        action=letters.Action(found["action"]),
        state=letters.CampaignState(found["state"]),
        filter=letters.LetterFilter(
            type=found["type"] or None,
            reason=DeadLetterReason(found["reason"]) if found["reason"] else None,
            error_code=found["code"] or None,
            older_than=_maybe_number(found["older"]),
            newer_than=_maybe_number(found["newer"]),
        ),
        by_ids=found["by_ids"] == "1",
        rate=float(found["rate"]),
        limit=_maybe_number(found["limit"]),
        by=found["by"],
        reason=found["why"] or None,
        created_at=int(found["created_at"]),
        finished_at=_maybe_number(found.get("finished_at", "")),
        matched=int(found["matched"]),
        done=int(found["done"]),
        failed=int(found["failed"]),
        skipped=int(found["skipped"]),
    )


def _maybe_number(word: str) -> int | None:
    return int(word) if word else None


def _advanced(op: letters.AdvanceCampaign, reply: list[Any]) -> letters.Advanced:
    flat, wait, epoch, messages = reply
    publish = tuple(
        RunJob.of(record(op.tenant, text(job), text(epoch), fields)) for job, fields in messages
    )
    return letters.Advanced(campaign=_campaign(op.campaign, flat), publish=publish, wait=wait)


def _campaigns(_: letters.ListCampaigns, reply: list[Any]) -> letters.CampaignPage:
    last, page = reply
    found = (_campaign(text(identity), flat) for identity, flat in page)
    return letters.CampaignPage(
        campaigns=tuple(one for one in found if one is not None), next=text(last) or None
    )


def _one(op: Any, reply: list[bytes] | None) -> letters.Campaign | None:  # noqa: ANN401 - `.campaign`
    return _campaign(op.campaign, reply or [])


LETTER_DECODERS: Final[dict[type, Callable[[Any, Any], Any]]] = {
    letters.Redrive: _answered,
    letters.Discard: _answered,
    letters.ListDeadLetters: _listed,
    letters.CountDeadLetters: _counted,
    letters.SurveyDeadLetters: _surveyed,
    letters.StartCampaign: _one,
    letters.AdvanceCampaign: _advanced,
    letters.ReadCampaign: _one,
    letters.ListCampaigns: _campaigns,
    letters.AbortCampaign: _one,
}
