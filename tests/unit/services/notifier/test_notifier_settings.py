"""What the notifier is told from outside, and what does not fit together."""

from typing import Any

import pytest
from pydantic import ValidationError

from services.notifier.settings import NotifierSettings

SECRET = {"token_secret": "a secret of the tests, long enough to sign with"}


def told(**settings: Any) -> NotifierSettings:
    return NotifierSettings.model_validate({**SECRET, **settings})


@pytest.mark.parametrize(
    ("settings", "why"),
    [
        ({"ping_seconds": 30, "heard_seconds": 30}, "WAYMARK_HEARD_SECONDS must be more"),
        ({"drain_seconds": 5, "drain_lead_seconds": 6}, "is a part of WAYMARK_DRAIN_SECONDS"),
        ({"proxies": "balancer"}, "addresses or networks"),
        ({"max_streams": -1}, "greater than or equal to 0"),
    ],
)
def test_what_does_not_fit_together_is_refused(settings: dict[str, object], why: str) -> None:
    with pytest.raises(ValidationError, match=why):
        told(**settings)


def test_a_burst_is_thrice_the_rate_unless_it_is_told() -> None:
    assert told(accept_rate=100).newcomers_at_once == 300
    assert told(accept_rate=100, accept_burst=7).newcomers_at_once == 7


def test_a_house_that_need_not_drain_may_say_so() -> None:
    assert told(drain_seconds=0).drain_seconds == 0
