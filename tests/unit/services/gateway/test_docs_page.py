"""What /docs shows is true: its examples fit their schemas, its list of error codes is whole."""

from pathlib import Path

import jsonschema_rs
import pytest

from services.gateway.openapi import request_schemas, schemas
from services.gateway.problems import STATUS
from services.gateway.routes import docs

SCHEMAS = schemas.named() | request_schemas.named()
WITH_EXAMPLES = sorted(name for name, schema in SCHEMAS.items() if "examples" in schema)


def test_the_requests_a_newcomer_sends_first_have_examples() -> None:
    assert {"JobRequest", "CancelRequest", "TokenRequest", "Problem"} <= set(WITH_EXAMPLES)


@pytest.mark.parametrize("name", WITH_EXAMPLES)
def test_every_example_fits_its_schema(name: str) -> None:
    whole = {"$ref": f"#/components/schemas/{name}", "components": {"schemas": SCHEMAS}}
    validator = jsonschema_rs.Draft202012Validator(whole)

    for example in SCHEMAS[name]["examples"]:
        validator.validate(example)


def test_every_error_code_is_listed_with_its_status() -> None:
    assert SCHEMAS["Problem"]["x-waymark-codes"] == {code: int(at) for code, at in STATUS.items()}


def test_the_page_never_makes_markup_of_what_it_reads() -> None:
    page = Path(docs.__file__).with_name("docs.html").read_text()

    for way in ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval("):
        assert way not in page
