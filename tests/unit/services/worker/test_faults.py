"""Who is told what about a failure."""

import json
from dataclasses import replace

from services.worker import faults
from services.worker.slots.terms import Died, Raised


def raised(kind: str, code: str = "") -> Raised:
    return Raised(
        kind=kind, code=code, message="secret=42", type="KeyError", traceback="Traceback: secret"
    )


def test_only_operators_see_the_text_the_type_and_the_traceback_of_an_exception() -> None:
    told = faults.of_exception(raised("error")).render(retryable=True)
    assert json.loads(told.error) == {
        "code": "error",
        "message": "secret=42",
        "type": "KeyError",
        "retryable": True,
        "traceback": "Traceback: secret",
    }
    assert "secret" not in told.public
    assert "KeyError" not in told.public


def test_everybody_sees_the_text_and_the_code_of_a_fail_but_not_its_traceback() -> None:
    told = faults.of_exception(raised("fail", "declined")).render(retryable=False)
    public = json.loads(told.public)
    assert (public["code"], public["message"]) == ("declined", "secret=42")
    assert "traceback" not in public


def test_only_operators_see_the_details_of_a_fail() -> None:
    failure = replace(raised("fail", "declined"), details='{"status": 402, "ratio": 1.10}')
    told = faults.of_exception(failure).render(retryable=False)
    assert json.loads(told.error)["details"] == {"status": 402, "ratio": 1.10}
    assert "details" not in json.loads(told.public)


def test_a_payload_that_does_not_fit_is_not_shown_to_watchers() -> None:
    told = faults.of_exception(raised("payload")).render(retryable=False)
    assert json.loads(told.public)["code"] == faults.INVALID_PAYLOAD
    assert "secret" not in told.public


def test_a_crash_names_its_signal_and_its_memory() -> None:
    problem = faults.of_death(Died(signal=9, exit_code=None, peak_rss=300 * 2**20))
    public = json.loads(problem.render(retryable=True).public)
    assert public["code"] == faults.CRASHED
    assert "signal 9" in public["message"]
    assert "300 MiB" in public["message"]


def test_a_poisonous_job_says_so_in_its_code() -> None:
    problem = faults.of_death(Died(signal=9, exit_code=None, peak_rss=0))
    told = problem.render(retryable=False, code=faults.POISON)
    assert json.loads(told.error)["code"] == json.loads(told.public)["code"] == "poison"


def test_endless_texts_are_cut() -> None:
    long = Raised(kind="error", code="", message="x" * 10**6, type="E", traceback="y" * 10**6)
    assert len(faults.of_exception(long).render(retryable=True).error) < 40_000
