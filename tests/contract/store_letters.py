"""Operators in the house around a store: they redrive and discard; and what must hold then."""

from collections.abc import Mapping
from dataclasses import dataclass, field

from shared.contracts import dead_letters as letters
from shared.contracts import operations as ops
from shared.contracts.dead_letters import Action, LetterFilter, LetterVerdict
from shared.contracts.job import JobRecord
from shared.contracts.lifecycle import State
from tests.contract import store_words as say
from tests.contract.store_house import Errand, House
from tests.contract.store_worlds import TENANT

EVERY = LetterFilter()
FAST = 1000.0


def redrive(house: House, job: str) -> None:
    """Give a job a new life, if it is dead; whoever asks publishes what is not confirmed."""
    before = house.world.do(ops.Read(tenant=TENANT, job=job))
    asked = letters.Redrive(tenant=TENANT, job=job, turn=say.token())
    answer = house.ask(asked, job)
    if before is None:
        assert answer.verdict is LetterVerdict.NOT_FOUND
        return
    if answer.verdict is LetterVerdict.TAKEN:
        check_taken(house, before, answer.holder)
        return
    if before.dead_letter:
        assert answer.verdict is LetterVerdict.DONE
        assert answer.publish, "a redrive that nobody publishes"
        assert answer.publish.options.dispatch > before.dispatch
        begin_new_life(house, before)
    elif answer.verdict is LetterVerdict.DONE:
        assert answer.publish, "only an unconfirmed redrive is answered again"
    if answer.publish:
        house.errands.append(Errand(answer.publish, 0, None, house.broker))


def check_taken(house: House, before: JobRecord, holder: str | None) -> None:
    """A redrive was refused: another living job has the unique_key."""
    assert before.dead_letter
    assert holder
    assert holder != before.id
    record = house.world.do(ops.Read(tenant=TENANT, job=holder))
    assert record
    assert not record.final
    assert record.unique_key == before.unique_key


def begin_new_life(house: House, before: JobRecord) -> None:
    house.lives[before.id] = len(before.attempts)
    house.called_off.discard(before.id)


def discard(house: House, job: str) -> None:
    """Give a job up for good, if it is dead."""
    asked = letters.Discard(tenant=TENANT, job=job, by="key:ops", reason=None)
    if house.ask(asked, job).verdict is LetterVerdict.DONE:
        house.discarded.add(job)


def campaign(house: House, action: Action, *, most: int, crashes: bool) -> None:
    """One turn of a campaign over all of them; a crash forgets to publish."""
    world = house.world
    before = {job.id: job for job in dead(house)}
    name = say.job_id(world.now)
    started = letters.StartCampaign(
        tenant=TENANT, campaign=name, action=action, matched=len(before), rate=FAST, by="key:ops"
    )
    assert world.do(started) == world.do(started)
    house.pass_time(5)
    house.touched |= house.jobs.keys()
    turn = letters.AdvanceCampaign(tenant=TENANT, campaign=name, turn=say.token(), most=most)
    advanced = world.do(turn)
    assert world.do(turn) == advanced, "another answer to the same turn"
    assert advanced.campaign
    done = before.keys() - {job.id for job in dead(house)}
    skipped = advanced.campaign.skipped
    assert advanced.campaign.done == len(done) == min(most, len(before)) - skipped
    if action is Action.DISCARD:
        house.discarded |= done
        return
    assert {message.job for message in advanced.publish} == done
    for job in done:
        begin_new_life(house, before[job])
    if not crashes:
        house.errands += [Errand(one, 0, None, house.broker) for one in advanced.publish]


def dead(house: House) -> tuple[JobRecord, ...]:
    asked = letters.ListDeadLetters(tenant=TENANT, filter=EVERY, before=None, limit=100)
    page = house.world.do(asked)
    assert page.next is None
    return page.jobs


@dataclass
class LetterOracle:
    """Remembers who is dead."""

    house: House
    since: dict[str, int] = field(default_factory=dict)

    def look(self, touched: Mapping[str, JobRecord | None]) -> None:
        """Check the index against the records of the jobs that may have changed."""
        if not touched:
            return
        for job, record in touched.items():
            self.since.pop(job, None)
            if record is not None:
                self.look_at(record)
        found = {job.id: job.dead_letter.since for job in dead(self.house) if job.dead_letter}
        assert found == self.since, "the list is not what is dead"
        survey = self.house.world.do(letters.SurveyDeadLetters(tenant=TENANT))
        assert sum(survey.reasons.values()) == len(found), "the counts are not what is dead"

    def look_at(self, record: JobRecord) -> None:
        failed = record.state is State.FAILED
        if record.id in self.house.discarded:
            assert failed, "a discarded job came back"
            assert record.discarded
            assert record.dead_letter is None
            return
        assert failed == (record.dead_letter is not None) or record.discarded
        if record.dead_letter:
            self.since[record.id] = record.dead_letter.since
