"""What operators do in the state machine of racing callers, and late news from a former life."""

import hypothesis.strategies as st
from hypothesis.stateful import RuleBasedStateMachine, precondition, rule

from shared.contracts.dead_letters import Action
from tests.contract import store_letters as operators
from tests.contract import store_words as say
from tests.contract.store_house import House

any_number = st.integers(0, 23)


class LetterRules(RuleBasedStateMachine):
    """The rules; a machine with a house takes them in."""

    house: House

    @precondition(lambda self: self.house.jobs)
    @rule(which=any_number)
    def redrive(self, which: int) -> None:
        jobs = sorted(self.house.jobs)
        operators.redrive(self.house, jobs[which % len(jobs)])

    @precondition(lambda self: self.house.jobs)
    @rule(which=any_number)
    def discard(self, which: int) -> None:
        jobs = sorted(self.house.jobs)
        operators.discard(self.house, jobs[which % len(jobs)])

    @rule(
        action=st.sampled_from([Action.REDRIVE, Action.REDRIVE, Action.DISCARD]),
        most=st.sampled_from([1, 5]),
        crashes=st.booleans(),
    )
    def campaign(self, action: Action, most: int, crashes: bool) -> None:
        operators.campaign(self.house, action, most=most, crashes=crashes)

    @precondition(lambda self: self.house.attempts)
    @rule(
        which=any_number,
        called_off=st.booleans(),
        late=st.sampled_from(["filing", "filing", "delivery", "nothing"]),
        by_broker=st.booleans(),
    )
    def fail_and_redrive(self, which: int, called_off: bool, late: str, by_broker: bool) -> None:
        """Let a job fail and live again; then news of its former life comes late."""
        house = self.house
        attempt = house.attempts[which % len(house.attempts)]
        job = attempt.message.job
        if called_off:
            house.cancel(job)
        if late == "delivery":
            house.cut_off(attempt)
        house.settle(attempt, say.fail_of)
        operators.redrive(house, job)
        if late == "filing":
            for delivery in [one for one in house.dead if one.message.job == job]:
                house.archive(delivery, by_broker=by_broker)
        for delivery in [one for one in house.broker if one.ready_at <= house.world.now]:
            house.deliver(delivery, twice=False, paused=False)
