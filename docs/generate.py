"""`python -m docs.generate`: writes docs/reference/ (and the broker's definitions) from the code.

`make verify` and tests/architecture/test_reference_is_fresh.py fail when it was forgotten.
"""

import ast
import asyncio
import inspect
import io
import json
import textwrap
import tokenize
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import httpx
from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from deploy import compose_scrapes
from deploy.rabbitmq.definitions import rendered as broker_definitions
from docs import log_page
from docs.instruments import Family, rooms
from docs.pages import MADE_FROM, table
from services.gateway.settings import GatewaySettings
from services.gateway.wiring import build
from services.notifier.document import document
from services.notifier.settings import NotifierSettings
from services.worker.jobs.settings import JobSettings
from services.worker.settings import WorkerSettings
from shared.contracts.lifecycle import FINAL_STATES, TRANSITIONS, Event, State
from shared.runtime.settings import CommonSettings, OriginSettings, TraceSettings, WebhookSettings

REFERENCE = Path(__file__).resolve().parent / "reference"
DEFINITIONS = REFERENCE.parents[1] / "deploy" / "rabbitmq" / "definitions.json"
SIGNS = {"ge": "≥", "gt": ">", "le": "≤", "lt": "<", "min_length": "length ≥"}
ROOMS: tuple[tuple[str, type[BaseSettings]], ...] = (
    ("Every service", CommonSettings),
    ("Gateway and notifier: browsers", OriginSettings),
    ("Gateway and worker: webhooks", WebhookSettings),
    ("Gateway and worker: traces", TraceSettings),
    ("Gateway", GatewaySettings),
    ("Worker", WorkerSettings),
    ("Notifier", NotifierSettings),
    ("Our own job types", JobSettings),
)
SEVERAL = (CommonSettings, OriginSettings, WebhookSettings, TraceSettings)
CANCELLING = (
    "A job that is asked to stop while it runs keeps its state and bears `cancel_requested_at`."
)
HOW_TO_SET = (
    "Every setting is an environment variable; `make up` hands the whole environment to every "
    "service it starts (`make down` first, for what runs already). Lists are separated by commas. "
    "A wrong value ends the service at its start with one line that names the setting."
)
HOW_TO_READ = (
    "Each service tells its own at `/metrics`: gateway and notifier at their ports, the worker at "
    "`WAYMARK_WORKER_PORT`. Durations are in seconds. Labels are closed sets, never a tenant and "
    "never a job; each combination that a process can come to is there at 0 from its start, or "
    "from when it first hears of the queue or type. A histogram `x` is read as `x_bucket`, `x_sum` "
    "and `x_count`. What is told by the process with the duty is absent, or 0, in the other "
    "gateways: take `max by (…)` over instances. What several services count is added up over "
    "them. Each process also tells the `process_*` and `python_*` of the Python client; the "
    "worker's are its own, not its slots'."
)


def main() -> None:
    """Write every document anew."""
    REFERENCE.mkdir(exist_ok=True)
    for file, text in documents().items():
        file.write_text(text)


@cache
def documents() -> Mapping[Path, str]:
    """Return what each generated file has to hold."""
    return {
        REFERENCE / "job-lifecycle.md": job_lifecycle(),
        REFERENCE / "settings.md": settings(),
        REFERENCE / "metrics.md": metrics(),
        REFERENCE / "openapi.json": openapi(),
        REFERENCE / "stream.json": stream(),
        REFERENCE / "logs.md": log_page.logs(),
        DEFINITIONS: broker_definitions(),
        compose_scrapes.WRITTEN: compose_scrapes.rendered(),
    }


def job_lifecycle() -> str:
    """Draw the transition table and say what its words mean."""
    states, events = comments_of(State), comments_of(Event)
    finals = ", ".join(f"`{state}`" for state in State if state in FINAL_STATES)
    parts = [
        "# The life of a job",
        MADE_FROM.format(source="shared/contracts/lifecycle.py"),
        "```mermaid\n" + "\n".join(["stateDiagram-v2", *_arrows()]) + "\n```",
        f"Final are {finals}; only a redrive leads out of one. {CANCELLING}",
        table(
            ("state", "means", "leaves by"),
            [(f"`{each}`", states.get(each.name, ""), _ways_out(each)) for each in State],
        ),
        table(
            ("event", "means"),
            [(f"`{each}`", events.get(each.name, "")) for each in Event],
        ),
    ]
    return "\n\n".join(parts) + "\n"


def settings() -> str:
    """List every setting with its default, what is allowed, and its meaning."""
    parts = [
        "# Settings",
        MADE_FROM.format(source="each settings.py"),
        HOW_TO_SET,
    ]
    for title, room in ROOMS:
        shared = () if room in SEVERAL else _told_above(room)
        rows = [
            _setting_row(name, field, meanings_of(room))
            for name, field in room.model_fields.items()
            if name not in shared
        ]
        heads = ("setting", "default", "allowed", "meaning")
        parts += [f"## {title}", table(heads, rows)]
    return "\n\n".join(parts) + "\n"


def metrics() -> str:
    """List every metric of the house, with its labels and who tells it."""
    heads = ("metric", "type", "labels", "meaning", "told by")
    parts = ["# Metrics", MADE_FROM.format(source="each metrics.py"), HOW_TO_READ]
    for title, families in rooms().items():
        parts += [f"## {title}", table(heads, [_metric_row(each) for each in families])]
    return "\n\n".join(parts) + "\n"


def _metric_row(each: Family) -> tuple[str, ...]:
    labels = ", ".join(f"`{label}`" for label in each.labels)
    return (f"`{each.name}`", each.kind, labels, each.words, ", ".join(each.who))


def openapi() -> str:
    """Return what a gateway answers at /openapi.json; it does not depend on the settings."""
    told = asyncio.run(_ask("/openapi.json"))
    return json.dumps(told, indent=1, ensure_ascii=False) + "\n"


def stream() -> str:
    """Return what a notifier answers at /asyncapi.json."""
    return json.dumps(document(), indent=1, ensure_ascii=False) + "\n"


async def _ask(path: str) -> object:
    settings = GatewaySettings(token_secret=SecretStr("made up, and long enough to be taken"))
    app = build(settings).app
    transport = httpx.ASGITransport(app)
    async with httpx.AsyncClient(transport=transport, base_url="http://gateway") as http:
        return (await http.get(path)).json()


def meanings_of(room: type[BaseSettings]) -> Mapping[str, str]:
    """Return the comment beside each field of a settings class, its bases' included."""
    meanings: dict[str, str] = {}
    for each in reversed(room.__mro__):
        if issubclass(each, BaseSettings) and each is not BaseSettings:
            meanings |= comments_of(each)
    return meanings


def comments_of(kind: type) -> dict[str, str]:
    """Return the comment on the lines of each name that a class assigns."""
    source = textwrap.dedent(inspect.getsource(kind))
    tokens = tokenize.generate_tokens(io.StringIO(source).readline)
    comments = {
        token.start[0]: token.string.lstrip("# ")
        for token in tokens
        if token.type == tokenize.COMMENT
    }
    body = ast.parse(source).body[0]
    assert isinstance(body, ast.ClassDef)  # noqa: S101 - the source of a class
    found: dict[str, str] = {}
    for node in body.body:
        target = node.target if isinstance(node, ast.AnnAssign) else None
        if isinstance(node, ast.Assign):
            target = node.targets[0] if isinstance(node.targets[0], ast.Name) else None
        if isinstance(target, ast.Name):
            lines = range(node.lineno, (node.end_lineno or node.lineno) + 1)
            words = " ".join(comments[line] for line in lines if line in comments)
            found |= {target.id: words} if words else {}
    return found


def _arrows() -> list[str]:
    labels: dict[tuple[str, str], list[str]] = {}
    for state, ways in TRANSITIONS.items():
        for event, target in ways.items():
            labels.setdefault((state or "[*]", target), []).append(event)
    drawn = [f"    {a} --> {b}: {', '.join(words)}" for (a, b), words in labels.items()]
    return drawn + [f"    {state} --> [*]" for state in State if state in FINAL_STATES]


def _ways_out(state: State) -> str:
    return ", ".join(f"{event} → `{target}`" for event, target in TRANSITIONS[state].items())


def _told_above(room: type[BaseSettings]) -> set[str]:
    names = {name for several in SEVERAL for name in several.model_fields}
    return {name for name in names if name not in room.__annotations__}


def _setting_row(name: str, field: FieldInfo, meanings: Mapping[str, str]) -> tuple[str, ...]:
    bounds = [
        f"{SIGNS[kind]} {getattr(bound, kind)}"
        for bound in field.metadata
        for kind in SIGNS
        if getattr(bound, kind, None) is not None
    ]
    return (f"`WAYMARK_{name.upper()}`", _default(field), ", ".join(bounds), meanings.get(name, ""))


def _default(field: FieldInfo) -> str:
    if field.is_required():
        return "none: required"
    if field.default_factory is not None:
        return "computed"
    value: Any = field.default
    if isinstance(value, SecretStr):
        value = value.get_secret_value()
    if isinstance(value, tuple):
        value = ",".join(map(str, value))
    return "" if value in (None, "") else f"`{value}`"


if __name__ == "__main__":
    main()
