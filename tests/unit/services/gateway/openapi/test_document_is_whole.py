"""The OpenAPI document leaves nothing out: no route, no error, no example."""

import json
from collections.abc import Iterator
from typing import Any

import jsonschema_rs
import pytest
from fastapi import FastAPI
from starlette.routing import Route

from services.gateway.problems import STATUS
from tests.fakes.gateway import FakeGateway

CALLS = ("get", "post", "put", "patch", "delete")
NO_CALL_S_OWN = {"not-found", "method-not-allowed", "unknown-queue"}  # of paths that lead nowhere
NO_CALL_S_OWN |= {"origin-refused"}  # of preflights


@pytest.fixture(scope="module")
def api(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    return FakeGateway(tmp_path_factory.mktemp("gateway")).api


@pytest.fixture(scope="module")
def document(api: FastAPI) -> dict[str, Any]:
    told: dict[str, Any] = json.loads(json.dumps(api.openapi()))
    return told


def operations(document: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    for path, calls in document["paths"].items():
        for method in CALLS:
            if method in calls:
                yield f"{method.upper()} {path}", calls[method]


def resolved(document: dict[str, Any], part: dict[str, Any]) -> dict[str, Any]:
    if "$ref" not in part:
        return part
    found: Any = document
    for name in part["$ref"].split("/")[1:]:
        found = found[name]
    return resolved(document, found)


def references(part: Any) -> Iterator[str]:
    if isinstance(part, dict):
        if isinstance(part.get("$ref"), str):
            yield part["$ref"]
        for each in part.values():
            yield from references(each)
    elif isinstance(part, list):
        for each in part:
            yield from references(each)


def checked(document: dict[str, Any], schema: dict[str, Any], example: Any) -> None:
    """Raise unless an example fits a schema of the document."""
    components = {"components": document["components"]}
    jsonschema_rs.Draft202012Validator({**components, **schema}, validate_formats=True).validate(
        example
    )


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    for reference in set(references(document)):
        assert resolved(document, {"$ref": reference})


def test_every_operation_has_a_name_of_its_own(document: dict[str, Any]) -> None:
    names = [call["operationId"] for _, call in operations(document)]

    assert len(names) == len(set(names))


def test_every_link_leads_to_a_call_that_exists(document: dict[str, Any]) -> None:
    names = {call["operationId"] for _, call in operations(document)}
    links = {
        link["operationId"]
        for _, call in operations(document)
        for told in call["responses"].values()
        for link in told.get("links", {}).values()
    }

    assert links
    assert links <= names


def test_every_tag_is_explained(document: dict[str, Any]) -> None:
    used = {tag for _, call in operations(document) for tag in call["tags"]}

    assert used == {tag["name"] for tag in document["tags"]}


def test_every_route_is_described(api: FastAPI, document: dict[str, Any]) -> None:
    served = {
        (route.path, method.lower())
        for route in api.routes
        if isinstance(route, Route) and route.include_in_schema
        for method in (route.methods or {"GET"}) - {"HEAD"}
    }
    told = {
        (path, method)
        for path, calls in document["paths"].items()
        for method in calls
        if method in CALLS
    }

    assert served == told


def test_every_refusal_is_an_answer_of_some_call(document: dict[str, Any]) -> None:
    told = {
        code
        for _, call in operations(document)
        for answer in call["responses"].values()
        for content in resolved(document, answer).get("content", {}).values()
        for code in content.get("examples", ())
    }

    assert told == set(STATUS) - NO_CALL_S_OWN


def test_every_error_answer_shows_what_it_says_it_shows(document: dict[str, Any]) -> None:
    for name, answer in document["components"]["responses"].items():
        content = answer["content"]["application/problem+json"]
        for code, example in content["examples"].items():
            assert name.startswith(str(example["value"]["status"]))
            assert example["value"]["code"] == code
            checked(document, content["schema"], example["value"])


def test_every_json_body_and_answer_has_an_example_that_fits(document: dict[str, Any]) -> None:
    without = []
    for name, call in operations(document):
        bodies = [call["requestBody"]] if "requestBody" in call else []
        answers = [one for status, one in call["responses"].items() if status < "4"]
        for part in [*bodies, *answers]:
            for kind, content in part.get("content", {}).items():
                schema = resolved(document, content["schema"])
                if "json" in kind and not schema.get("examples"):
                    without.append((name, content["schema"]))
                for example in schema.get("examples", ()):
                    checked(document, content["schema"], example)

    assert not without


def test_every_answer_bears_a_request_id(document: dict[str, Any]) -> None:
    for name, call in operations(document):
        for status, answer in call["responses"].items():
            assert "X-Request-Id" in resolved(document, answer)["headers"], (name, status)
