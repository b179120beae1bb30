"""No slot runs on a lease that may have run out: it is frozen, continued, or never started."""

import time
from functools import partial
from pathlib import Path

from services.worker.slots.client import ZygoteSlots
from services.worker.slots.terms import Died, Returned, Slot
from tests.eventually import eventually
from tests.integration.slots_running import assignment, count_in, end_of, run, slots_with

LEASE = 4.0  # so a renewal may be one second old


def rests(file: Path) -> bool:
    """Whether nothing is counted for a while."""
    before, until = count_in(file), time.monotonic() + 0.1
    while time.monotonic() < until:
        if count_in(file) != before:
            return False
    return True


def both_rest(file: Path) -> bool:
    return rests(file) and rests(file.with_name(file.name + ".child"))


def counts_on(file: Path, before: int) -> bool:
    return count_in(file) > before


def renew(slots: ZygoteSlots) -> None:
    slots.renewed("ticking", time.monotonic())


def start_ticking(slots: ZygoteSlots, file: Path) -> Slot:
    """A slot and a child of it that both count; renewed until they do."""
    slot = slots.start(assignment("tick", job="ticking", file=str(file)))

    def both_count() -> bool:
        renew(slots)
        return count_in(file) > 0 and count_in(file.with_name(file.name + ".child")) > 0

    eventually(both_count, within=10)
    return slot


def test_a_slot_without_renewals_is_frozen_with_its_family_and_a_renewal_continues_it(
    tmp_path: Path,
) -> None:
    file = tmp_path / "count"
    child = tmp_path / "count.child"
    with slots_with(LEASE) as slots:
        slot = start_ticking(slots, file)
        renewed = time.monotonic()
        eventually(lambda: both_rest(file), within=5)
        frozen_after = time.monotonic() - renewed
        frozen_at = count_in(file), count_in(child)
        renew(slots)
        eventually(lambda: count_in(file) > frozen_at[0] and count_in(child) > frozen_at[1])
        slot.kill()
        end_of(slot)

    assert 0.9 < frozen_after < 3.0


def test_renewals_keep_a_slot_running(tmp_path: Path) -> None:
    file = tmp_path / "count"
    with slots_with(LEASE) as slots:
        slot = start_ticking(slots, file)
        until = time.monotonic() + 2.0
        while time.monotonic() < until:
            renew(slots)
            before = count_in(file)
            eventually(partial(counts_on, file, before), within=0.9)
        slot.kill()
        end_of(slot)


def test_an_old_renewal_continues_nothing(tmp_path: Path) -> None:
    file = tmp_path / "count"
    with slots_with(LEASE) as slots:
        slot = start_ticking(slots, file)
        eventually(lambda: both_rest(file), within=5)
        slots.renewed("ticking", time.monotonic() - 1.5)

        assert slot.next_event(0.3) is None
        assert both_rest(file)
        slot.kill()
        end_of(slot)


def test_a_frozen_slot_can_be_killed(tmp_path: Path) -> None:
    file = tmp_path / "count"
    with slots_with(LEASE) as slots:
        slot = start_ticking(slots, file)
        eventually(lambda: both_rest(file), within=5)
        slot.kill()

        assert isinstance(end_of(slot, within=2), Died)


def test_an_attempt_whose_claim_is_too_old_is_refused(tmp_path: Path) -> None:
    with slots_with(LEASE) as slots:
        refused = end_of(slots.start(assignment("echo", sent_ago=1.2, text="x")))

        assert refused == Died(signal=None, exit_code=None, peak_rss=0, refused=True)
        assert run(slots, "echo", text="y") == Returned('"y"')


def test_an_idle_process_needs_no_renewal() -> None:
    with slots_with(LEASE) as slots:
        first = run(slots, "pid")
        until = time.monotonic() + 1.5
        eventually(lambda: time.monotonic() > until)
        assert isinstance(first, Returned)
        state = Path(f"/proc/{first.result}/stat").read_text().rpartition(")")[2].split()[0]

        assert state == "S", "it sleeps; T would be frozen"
        assert run(slots, "pid") == first
