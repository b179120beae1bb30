"""What the decorator makes of a function, and what it refuses."""

from typing import Annotated, Any

import pytest
from pydantic import BaseModel, Field

from services.worker import Fail, Retry, job
from services.worker.authoring.errors import JobDefinitionError
from services.worker.authoring.registry import catalogue, find_type
from services.worker.authoring.signature import (
    DIALECT,
    PayloadMismatch,
    ResultUnfit,
    Signature,
    encode_result,
    read_signature,
)


class Report(BaseModel):
    pages: int


@job("unit.report", retries=2, soft_time_limit="5m", time_limit="10m", queue="reports", version=3)
def report(account: int, month: str = "2026-01", *, schema: bool = False) -> Report:
    """Render a report.

    At length.
    """
    return Report(pages=account)


def declare(**options: Any) -> None:
    @job(options.pop("name", "unit.refused"), **options)
    def handler() -> None: ...


def signature_of_report() -> Signature:
    declared = find_type("unit.report")
    assert declared is not None
    return declared.signature


def test_the_function_stays_a_plain_function() -> None:
    assert report(7) == Report(pages=7)


def test_the_catalogue_tells_what_was_declared() -> None:
    entry = next(entry for entry in catalogue() if entry.type == "unit.report")

    assert (entry.version, entry.queue, entry.isolation) == (3, "reports", "slot")
    assert entry.summary == "Render a report."
    assert entry.limits.retries == 2
    assert entry.limits.soft_time_limit_seconds == 300
    assert entry.limits.time_limit_seconds == 600
    assert entry.limits.min_backoff_seconds == 2
    assert entry.limits.max_backoff_seconds == 600


def test_the_signature_is_the_schema_of_the_payload() -> None:
    schema = signature_of_report().payload_schema
    properties = schema["properties"]

    assert schema["$schema"] == DIALECT
    assert schema["additionalProperties"] is False
    assert schema["required"] == ["account"]
    assert isinstance(properties, dict)
    assert set(properties) == {"account", "month", "schema"}
    assert properties["month"]["default"] == "2026-01"


def test_the_return_type_is_the_schema_of_the_result() -> None:
    result = signature_of_report().result_schema

    assert result is not None
    assert result["required"] == ["pages"]


def test_a_payload_becomes_arguments_with_defaults() -> None:
    arguments = signature_of_report().arguments('{"account": 1, "schema": true}')

    assert arguments == {"account": 1, "month": "2026-01", "schema": True}


def test_a_wrong_payload_is_refused_place_by_place_and_without_its_values() -> None:
    with pytest.raises(PayloadMismatch) as refused:
        signature_of_report().arguments('{"account": "s3cret", "moth": 1}')

    assert "/account" in str(refused.value)
    assert "/moth" in str(refused.value)
    assert "s3cret" not in str(refused.value)


def test_constraints_reach_the_schema() -> None:
    def handler(count: Annotated[int, Field(ge=1)]) -> None: ...

    properties = read_signature(handler).payload_schema["properties"]

    assert isinstance(properties, dict)
    assert properties["count"]["minimum"] == 1


def test_a_type_may_say_for_how_long_its_jobs_are_kept() -> None:
    declare(name="unit.kept", retention="30d")

    kept = {entry.type: entry.limits.retention_seconds for entry in catalogue()}
    assert (kept["unit.kept"], kept["unit.report"]) == (30 * 86_400, None)


@pytest.mark.parametrize(
    ("options", "complaint"),
    [
        ({"retention": "1ms"}, "at least a second"),
        ({"retention": "for ever"}, "a duration is"),
        ({"name": "Bad Name"}, "a name is lower case"),
        ({"time_limit": "5 parsecs"}, "a duration is"),
        ({"soft_time_limit": "2h", "time_limit": "1h"}, "must be shorter"),
        ({"min_backoff": "1h", "max_backoff": "1s"}, "longer than max_backoff"),
        ({"queue": "No_Good"}, "a queue name is"),
        ({"queue": "dead"}, "reserved"),
        ({"isolation": "container"}, "isolation is"),
        ({"isolation": "thread", "time_limit": "1h"}, "takes no time_limit: use soft_time_limit"),
        ({"isolation": "thread", "max_rss": "1GiB"}, "max_rss needs a slot"),
        ({"retries": -1}, "retries is"),
        ({"version": 0}, "version is"),
        ({"max_jobs_per_child": 0}, "max_jobs_per_child is"),
        ({"max_rss": "lots"}, "a size is"),
        ({"retry_on": ["KeyError"]}, "job 'unit.refused'"),
        ({"name": "unit.report"}, "the name is taken by"),
    ],
)
def test_an_impossible_declaration_names_the_job(options: dict[str, Any], complaint: str) -> None:
    with pytest.raises(JobDefinitionError, match=complaint) as refused:
        declare(**options)

    assert str(refused.value).startswith(f"job {options.get('name', 'unit.refused')!r}")
    assert find_type("unit.refused") is None


def test_parameters_need_types_and_names() -> None:
    def untyped(x) -> None: ...  # type: ignore[no-untyped-def]  # noqa: ANN001

    def many(*numbers: int) -> None: ...

    def positional(x: int, /) -> None: ...

    with pytest.raises(TypeError, match="'x' needs a type"):
        read_signature(untyped)
    for handler in (many, positional):
        with pytest.raises(TypeError, match="cannot be given by name"):
            read_signature(handler)


def test_results_are_told_as_json() -> None:
    assert encode_result(Report(pages=2)) == '{"pages":2}'
    assert encode_result(None) == "null"
    assert encode_result({"é": [1.5, (1, 2)]}) == '{"é":[1.5,[1,2]]}'


@pytest.mark.parametrize("unfit", [float("nan"), {"x": float("inf")}, object(), "\ud800"])
def test_what_is_not_json_is_refused(unfit: object) -> None:
    with pytest.raises(ResultUnfit, match="the result is not JSON"):
        encode_result(unfit)


def test_fail_and_retry_keep_what_they_are_told() -> None:
    fail, retry = Fail("card declined", code="declined"), Retry(after="2m")

    assert (fail.message, fail.code) == ("card declined", "declined")
    assert (retry.after, Retry().after) == (120.0, None)
    with pytest.raises(ValueError, match="a code is"):
        Fail("x", code="Not A Code")


def test_details_for_operators_are_json_of_bounded_size() -> None:
    assert Fail("x", details={"status": 503}).details == '{"status": 503}'
    assert Retry(at_least="30s").at_least == 30.0
    for details in ({"x": object()}, {"x": float("nan")}, {"x": "y" * 8_192}, {"x": "\ud800"}):
        with pytest.raises(ValueError, match="details"):
            Retry(details=details)
