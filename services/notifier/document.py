"""The AsyncAPI 3 document of the stream, made from the frames themselves; at /asyncapi.json."""

from collections.abc import Iterable, Mapping
from functools import cache
from typing import Any, Final

import msgspec

from services.notifier import frames, messages
from services.notifier.closes import REASONS, Close
from services.notifier.examples import EXAMPLES

Json = dict[str, Any]

CLIENT_FRAMES: Final[tuple[type[msgspec.Struct], ...]] = (
    messages.Hello, messages.Subscribe, messages.Unsubscribe, messages.Auth, messages.Pong,
)  # fmt: skip
_ANSWERED: Final = {
    "hello": ("welcome",),
    "subscribe": ("ok", "error"),
    "unsubscribe": ("ok", "error"),
    "auth": ("ok", "error"),
}
_REFUSALS: Final = {
    "400": "No WebSocket handshake, or another subprotocol than waymark.v1.",
    "403": "The Origin is none of those that may connect.",
    "404": "The stream is at /v1/stream.",
    "426": "The stream was asked for without an upgrade to a WebSocket.",
    "429": "Too many connections come from this address; Retry-After says when to try again.",
    "503": "This server goes away or too many connect at this moment; Retry-After.",
}
_WHAT_TO_DO: Final = {
    10: "A fault of the client's; connecting again does not help.",
    40: "Stop: connecting again does not help. After 4002 one new token is worth a try.",
    41: "Connect again after a back-off with full jitter: 0.5 s, doubled, at most 20 s.",
    42: "Connect again at once and resume.",
}
_DESCRIPTION: Final = """\
JSON text frames. The first is a `hello` with a browser token and everything that is to be
followed, each with the cursor it was left at or none; it is answered with `welcome`. Then each
subscription is brought up to date: a `snapshot`, or from a cursor just what was missed; and
`live`. From there on each event is told as it happens, the same bytes to everybody.

**The client rule**, complete. A snapshot replaces everything. A frame of another epoch is dropped
and its job subscribed again. What has `revision` ≤ the last one seen is dropped. A transition must
have `step` = last + 1, a progress `step` = last; if not, the job is subscribed again from its
cursor. Steps first seen in a snapshot's history count as seen. So every step is seen once and in
order, whatever breaks in between.

**The feed** is everything that happens to the tenant's jobs, as the same frames, in the order of
`seq`, which counts the tenant's events. Its cursor is `epoch` and the highest `seq` that came with
a frame since its `live`, or that `live`'s own, or the `as_of` of `GET /v1/jobs`. Holes in `seq` are
legal: progress is thinned, and jobs have frames of their own. From a cursor every transition after
it is told once and in order, then `live`; where that cannot be done, a `reset` says so first, and
the client reads the list of jobs. Whoever follows a job and the feed is told each event once; what
is told of the job before the `live` of its subscription does not move the feed's cursor.

**Liveness.** A `ping` comes every `ping_interval_ms`; whoever hears nothing for `timeout_ms` takes
the other for gone. **Close codes** tell by their range what to do, so that codes of later servers
work too: 40xx stop, 41xx back off, 42xx resume at once. **Frames and members that a client does
not know** are to be ignored.

The limits are settings of the notifier: `docs/reference/settings.md`."""


@cache
def document() -> Mapping[str, Any]:
    """Return it; it does not depend on the settings."""
    heard, told = _named(CLIENT_FRAMES), _named(frames.SERVER_FRAMES)
    return {
        "asyncapi": "3.0.0",
        "info": {
            "title": "Waymark: the stream",
            "version": str(messages.VERSION),
            "description": _DESCRIPTION,
        },
        "defaultContentType": "application/json",
        "servers": {"notifier": {"host": "127.0.0.1:8001", "protocol": "ws"}},
        "channels": {"stream": _channel([*heard, *told])},
        "operations": {
            **{f"hear_{name}": _operation("receive", name) for name in heard},
            **{f"tell_{name}": _operation("send", name) for name in told},
        },
        "components": {
            "messages": {name: _message(name, frame) for name, frame in {**heard, **told}.items()},
            "schemas": _schemas(),
        },
    }


def _named(kinds: Iterable[type[msgspec.Struct]]) -> dict[str, type[msgspec.Struct]]:
    return {str(kind.__struct_config__.tag): kind for kind in kinds}


def _channel(names: Iterable[str]) -> Json:
    closes: list[Json] = [
        {"code": int(code), "reason": REASONS[code], "client": _WHAT_TO_DO[code // 100]}
        for code in Close
    ]
    return {
        "address": messages.PATH,
        "title": "The stream",
        "description": "One connection; all that is followed goes over it.",
        "messages": {name: {"$ref": f"#/components/messages/{name}"} for name in names},
        "bindings": {
            "ws": {
                "method": "GET",
                "headers": {
                    "type": "object",
                    "properties": {
                        "Sec-WebSocket-Protocol": {"const": messages.SUBPROTOCOL},
                        "Origin": {"type": "string"},
                    },
                },
                "bindingVersion": "0.1.0",
            }
        },
        "x-close-codes": closes,
        "x-refusals": _REFUSALS,
        "x-error-codes": frames.ERROR_CODES,
    }


def _operation(action: str, name: str) -> Json:
    operation: Json = {
        "action": action,
        "channel": {"$ref": "#/channels/stream"},
        "messages": [_of_channel(name)],
    }
    if name in _ANSWERED and action == "receive":
        answers = [_of_channel(answer) for answer in _ANSWERED[name]]
        operation["reply"] = {"channel": {"$ref": "#/channels/stream"}, "messages": answers}
    return operation


def _of_channel(name: str) -> Json:
    return {"$ref": f"#/channels/stream/messages/{name}"}


def _message(name: str, frame: type[msgspec.Struct]) -> Json:
    return {
        "name": name,
        "title": name,
        "summary": (frame.__doc__ or "").strip(),
        "payload": {"$ref": f"#/components/schemas/{frame.__name__}"},
        "examples": [{"payload": EXAMPLES[name]}],
    }


def _schemas() -> Json:
    _, schemas = msgspec.json.schema_components(
        (*CLIENT_FRAMES, *frames.SERVER_FRAMES), ref_template="#/components/schemas/{name}"
    )
    made: Json = dict(schemas)
    made["Subscription"] = _subscription(made["Subscription"])
    made["Live"] |= {"oneOf": [{"required": ["job"]}, {"required": ["feed"]}]}
    made["Error"]["properties"]["code"]["examples"] = list(frames.ERROR_CODES)
    for schema in made.values():
        for name, member in schema.get("properties", {}).items():
            if name == "type" and "enum" in member:
                schema["properties"][name] = {"const": member["enum"][0]}
    return made


def _subscription(plain: Json) -> Json:
    """Say what `Subscription.__post_init__` checks: a job or the feed, a whole cursor or none."""

    def members(*names: str) -> Json:
        return {name: plain["properties"][name]["anyOf"][0] for name in names}

    def one(title: str, subject: str, cursor: tuple[str, ...], properties: Json) -> Json:
        whole = {name: [other for other in cursor if other != name] for name in cursor}
        return {
            "title": title,
            "type": "object",
            "properties": properties,
            "required": [subject],
            "dependentRequired": whole,
        }

    of_job, of_feed = ("epoch", "revision", "step"), ("epoch", "seq")
    return {
        "title": plain["title"],
        "description": plain["description"],
        "oneOf": [
            one("A job", "job", of_job, members("job", *of_job)),
            one("The feed", "feed", of_feed, {"feed": {"const": True}, **members(*of_feed)}),
        ],
    }
