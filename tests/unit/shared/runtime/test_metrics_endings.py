"""The ends of jobs as they are counted, whoever counts them."""

import pytest
from prometheus_client import CollectorRegistry

from shared.contracts.job import DeadLetterReason
from shared.contracts.lifecycle import State
from shared.runtime.metrics.endings import MOST_PAIRS, Endings, JobEnd

KINDS = ((State.SUCCEEDED, ""), (State.FAILED, "poison"))


class Scene:
    """Endings at second 100."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        self.endings = Endings(
            self.registry, kinds=KINDS, reasons=(DeadLetterReason.POISON,), clock=lambda: 100.0
        )

    def end(self, **facts: object) -> None:
        usual = {"queue": "q", "type": "t", "state": State.SUCCEEDED}
        self.endings.ended(JobEnd(**{**usual, **facts}))  # type: ignore[arg-type]

    def value(self, name: str, **labels: str) -> float | None:
        return self.registry.get_sample_value(f"waymark_jobs_{name}", labels)


def test_all_that_can_come_is_there_at_0_for_what_is_expected() -> None:
    scene = Scene()
    scene.endings.expect("q", "t")

    assert scene.value("finished_total", queue="q", type="t", outcome="failed", code="poison") == 0
    assert scene.value("dead_lettered_total", queue="q", type="t", reason="poison") == 0
    assert scene.value("end_to_end_seconds_count", queue="q", outcome="succeeded") == 0


def test_a_job_is_measured_from_when_it_might_first_have_run() -> None:
    scene = Scene()
    scene.end(since=97_500)

    assert scene.value("end_to_end_seconds_sum", queue="q", outcome="succeeded") == 2.5


@pytest.mark.parametrize("since", [None, 100_500])
def test_it_is_not_measured_when_nobody_asks_and_never_less_than_0(since: int | None) -> None:
    scene = Scene()
    scene.end(since=since)

    assert scene.value("end_to_end_seconds_sum", queue="q", outcome="succeeded") == 0
    expected = 0 if since is None else 1
    assert scene.value("end_to_end_seconds_count", queue="q", outcome="succeeded") == expected


def test_pairs_beyond_the_bound_are_counted_together() -> None:
    scene = Scene()
    for number in range(MOST_PAIRS):
        scene.endings.expect("q", f"t{number}")

    for number in range(30):
        scene.end(type=f"late{number}")
    scene.end(type="t7")

    other = {"queue": "(other)", "type": "(other)", "outcome": "succeeded", "code": ""}
    assert scene.value("finished_total", **other) == 30
    assert scene.value("finished_total", **{**other, "queue": "q", "type": "t7"}) == 1
    assert scene.value("finished_total", **{**other, "queue": "q", "type": "late3"}) is None


def test_a_dead_letter_is_counted_with_its_job() -> None:
    scene = Scene()
    scene.end(state=State.FAILED, code="poison", dead_letter=DeadLetterReason.POISON)

    assert scene.value("dead_lettered_total", queue="q", type="t", reason="poison") == 1
