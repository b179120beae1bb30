"""When a time limit speaks."""

from services.worker.limits import Deadlines, LimitStep, limit_step

BOTH = Deadlines.counted_from(100.0, soft_limit=5.0, hard_limit=8.0)


def test_nothing_is_asked_before_the_soft_limit() -> None:
    assert limit_step(104.9, BOTH, soft_told=False) is LimitStep.NOTHING


def test_the_soft_limit_speaks_once() -> None:
    assert limit_step(105.0, BOTH, soft_told=False) is LimitStep.SOFT
    assert limit_step(105.1, BOTH, soft_told=True) is LimitStep.NOTHING


def test_the_hard_limit_wins_over_a_soft_one_not_yet_told() -> None:
    assert limit_step(108.0, BOTH, soft_told=False) is LimitStep.HARD


def test_a_job_without_limits_is_never_stopped() -> None:
    free = Deadlines.counted_from(100.0, soft_limit=None, hard_limit=None)
    assert limit_step(1e9, free, soft_told=False) is LimitStep.NOTHING
