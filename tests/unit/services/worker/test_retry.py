"""How a job goes on after a failure."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.worker import faults
from services.worker.retry import FailFor, RetryAfter, Standing, backoff, decide
from services.worker.slots.terms import Died, Raised
from shared.contracts.catalog import Limits
from shared.contracts.job import DeadLetterReason

LIMITS = Limits(
    soft_time_limit_seconds=None,
    time_limit_seconds=None,
    retries=3,
    min_backoff_seconds=2.0,
    max_backoff_seconds=10.0,
)


def standing(spent: int = 0, crashes: int = 0) -> Standing:
    return Standing(spent=spent, crashes=crashes, max_attempts=4, limits=LIMITS)


def raised(
    kind: str = "error",
    *,
    after: float | None = None,
    at_least: float | None = None,
    matched: str | None = None,
) -> Raised:
    return Raised(
        kind=kind,
        code="",
        message="boom",
        type="ValueError",
        traceback="…",
        after=after,
        at_least=at_least,
        matched=matched,
    )


def highest(_low: float, high: float) -> float:
    return high


def after(failure: Raised, **facts: int) -> RetryAfter | FailFor:
    return decide(faults.of_exception(failure), failure, standing(**facts), uniform=highest)


@pytest.mark.parametrize(("spent", "longest"), [(0, 2.0), (1, 4.0), (2, 8.0)])
def test_an_error_is_retried_with_a_growing_backoff(spent: int, longest: float) -> None:
    assert after(raised(), spent=spent) == RetryAfter(longest)


def test_the_last_attempt_is_the_last() -> None:
    assert after(raised(), spent=3) == FailFor(DeadLetterReason.ATTEMPTS_EXHAUSTED)


def test_retry_may_lengthen_the_backoff_and_never_shortens_it() -> None:
    assert after(raised("retry", at_least=30.0)) == RetryAfter(30.0)
    assert after(raised("retry", at_least=0.5), spent=1) == RetryAfter(4.0)
    assert after(raised("retry", at_least=30.0), spent=3) == FailFor(
        DeadLetterReason.ATTEMPTS_EXHAUSTED
    )


def test_retry_names_its_own_delay_but_gets_no_attempt_more() -> None:
    assert after(raised("retry", after=30.0)) == RetryAfter(30.0)
    assert after(raised("retry", after=30.0), spent=3) == FailFor(
        DeadLetterReason.ATTEMPTS_EXHAUSTED
    )


@pytest.mark.parametrize("failure", [raised("fail"), raised("payload"), raised(matched="never_on")])
def test_what_a_repeat_cannot_help_is_not_retried(failure: Raised) -> None:
    assert after(failure) == FailFor(DeadLetterReason.NOT_RETRYABLE)


def test_a_soft_limit_is_retried() -> None:
    assert isinstance(after(raised("soft_limit")), RetryAfter)


def test_the_second_crash_of_a_life_is_poison_even_with_attempts_left() -> None:
    problem = faults.of_death(Died(signal=11, exit_code=None, peak_rss=0))
    assert decide(problem, None, standing(), uniform=highest) == RetryAfter(2.0)
    assert decide(problem, None, standing(1, crashes=1), uniform=highest) == FailFor(
        DeadLetterReason.POISON, code=faults.POISON
    )


def test_a_hard_limit_counts_no_crash() -> None:
    problem = faults.of_hard_limit(3.0)
    assert decide(problem, None, standing(1, crashes=1), uniform=highest) == RetryAfter(4.0)


@given(
    failures=st.integers(1, 10_000),
    shortest=st.floats(0, 3600),
    longest=st.floats(0, 86_400),
    luck=st.floats(0, 1),
)
def test_a_backoff_is_never_negative_and_never_over_its_cap(
    failures: int, shortest: float, longest: float, luck: float
) -> None:
    limits = Limits(
        soft_time_limit_seconds=None,
        time_limit_seconds=None,
        retries=1,
        min_backoff_seconds=shortest,
        max_backoff_seconds=longest,
    )
    delay = backoff(failures, limits, uniform=lambda low, high: low + luck * (high - low))
    assert 0 <= delay <= longest
