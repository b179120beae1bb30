"""The reference of the stream holds together, and says all that there is."""

import json
import re
from typing import Any

import jsonschema_rs
import pytest

from services.notifier import messages
from services.notifier.closes import Close
from services.notifier.document import CLIENT_FRAMES, document
from services.notifier.examples import EXAMPLES
from services.notifier.frames import ERROR_CODES, SERVER_FRAMES
from services.notifier.messages import BadMessageError
from tests.architecture.sources import REPO
from tests.stream_schema import StreamSchema

HELLO = {"type": "hello", "version": 1, "token": "t"}


def references(node: Any) -> set[str]:
    if isinstance(node, dict):
        own = {node["$ref"]} if isinstance(node.get("$ref"), str) else set()
        return own.union(*map(references, node.values()))
    return set().union(*map(references, node)) if isinstance(node, list) else set()


def test_every_reference_leads_somewhere() -> None:
    for reference in references(json.loads(json.dumps(document()))):
        node: Any = document()
        for part in reference.removeprefix("#/").split("/"):
            node = node[part]
        assert node


def test_every_frame_has_an_example_that_is_one() -> None:
    schema = StreamSchema()
    for example in EXAMPLES.values():
        schema.check(example)

    assert schema.seen == {str(it.__struct_config__.tag) for it in (*CLIENT_FRAMES, *SERVER_FRAMES)}


@pytest.mark.parametrize("name", ["subscribe", "unsubscribe", "auth", "pong"])
def test_the_examples_of_what_clients_say_are_understood(name: str) -> None:
    assert isinstance(messages.read_later(json.dumps(EXAMPLES[name])), CLIENT_FRAMES)


def test_every_close_code_is_there_with_what_to_do() -> None:
    told = document()["channels"]["stream"]["x-close-codes"]

    assert [it["code"] for it in told] == list(Close)
    assert all(it["client"] and it["reason"] for it in told)


def test_every_code_of_an_error_frame_is_there() -> None:
    source = "".join(path.read_text() for path in (REPO / "services" / "notifier").glob("*.py"))
    said = set(re.findall(r'(?:error\(|return |_refuse\(job, )"([a-z]+(?:-[a-z]+)+)"', source))

    assert said
    assert said <= set(ERROR_CODES)


@pytest.mark.parametrize(
    ("subscription", "good"),
    [
        ({"job": "j"}, True),
        ({"job": "j", "epoch": "e", "revision": 1, "step": 1}, True),
        ({"feed": True}, True),
        ({"feed": True, "epoch": "e", "seq": 4}, True),
        ({}, False),
        ({"job": "j", "feed": True}, False),
        ({"job": "j", "epoch": "e"}, False),
        ({"job": "j", "revision": 1, "step": 1}, False),
        ({"feed": True, "seq": 4}, False),
        ({"job": "j", "epoch": "e", "revision": -1, "step": 1}, False),
        ({"job": "j" * 129}, False),
    ],
)
def test_the_reference_and_the_server_agree_on_what_a_subscription_is(
    subscription: dict[str, object], good: bool
) -> None:
    schema = {"$ref": "#/components/schemas/Hello", "components": document()["components"]}
    hello = {**HELLO, "subscriptions": [subscription]}
    try:
        understood = bool(messages.read_hello(json.dumps(hello)))
    except BadMessageError:
        understood = False

    assert understood is good
    assert jsonschema_rs.is_valid(schema, hello) is good
