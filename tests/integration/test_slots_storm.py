"""Interruptions at random moments of very short attempts: each ends well, and as it was told."""

import random
import time

from services.worker.slots.terms import Raised, Returned
from tests.integration.slots_running import assignment, end_of, run, slots_with

ROUNDS = 200


def test_interruptions_at_any_moment_end_an_attempt_in_one_of_two_ways() -> None:
    moments = random.Random(7)
    seen = set()
    with slots_with() as slots:
        for number in range(ROUNDS):
            kind = ("track", "async")[number % 2]
            asked = (
                assignment("track", count=200) if kind == "track" else assignment("async", text="x")
            )
            run(slots, "echo", text="warm")  # an interruption has used up the process before
            slot = slots.start(asked)
            until = time.monotonic() + moments.random() ** 2 * 0.03
            while time.monotonic() < until:
                continue
            slot.interrupt("cancelled")
            end = end_of(slot)

            assert isinstance(end, Returned | Raised), end
            assert isinstance(end, Returned) or end.kind == "cancelled", end
            seen.add((kind, type(end)))

    assert len(seen) == 4, f"only {seen}: the moments miss something"
