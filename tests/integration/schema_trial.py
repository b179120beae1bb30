"""Schemathesis against a gateway: what its OpenAPI document says, held against what it answers."""

import json
import subprocess
import sys
from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

Document = dict[str, Any]

LONGEST_SECONDS = 240.0
# Nobody can tell from a schema whether a job type is served, a moment is past, a cursor is ours.
CONFIG = """\
[generation]
database = "none"

[checks.positive_data_acceptance]
expected-statuses = ["2xx", "3xx", 400, 401, 403, 404, 409]

[warnings]
enabled = false
"""
# What one says and the other would contradict; what is waited for; what has been used before.
UNTRIED = frozenset({"Waymark-Tenant", "Prefer", "Idempotency-Key"})
# A moment that is to come, an address that is not one of the house's own.
ACCEPTED: Mapping[str, Document] = {
    "expires_at": {"enum": ["2099-01-01T00:00:00Z", None]},
    "callback_url": {"enum": ["https://hooks.example.com/a", None]},
    "url": {"enum": ["https://hooks.example.com/b", "https://8.8.8.8/c"]},
}
PEERS = """
[auth.wfc]
path = "keys.json"
peers = {peers}
"""


@dataclass(frozen=True, kw_only=True)
class Trial:
    """One run: who calls, how much is tried."""

    keys: Mapping[str, str]
    """Authorization headers by name; those of one tenant each when there are several."""
    phases: Sequence[str]
    examples: int = 10
    tenant: str | None = None
    """What a platform key names; tenants' keys name nobody."""
    only: str | None = None
    """One path; None: all of them."""
    seconds: int | None = None
    """Repeat until so many have passed; None: once, the same cases each time."""


def sharpened(document: Document, *, types: Mapping[str, Document]) -> Document:
    """Return a document whose valid requests the gateway would accept, and that is strict.

    The real one cannot know which tenant a key belongs to and which job types are served; and it
    lets answers have more members than it names, so that they may grow.
    """
    sharp = deepcopy(document)
    for calls in sharp["paths"].values():
        for call in calls.values():
            told = [one for one in call.get("parameters", ()) if one["name"] not in UNTRIED]
            call["parameters"] = told
    schemas = sharp["components"]["schemas"]
    for name, schema in schemas.items():
        if schema.get("additionalProperties") is False:
            schema.pop("examples", None)  # they are of job types that nobody serves here
            schema["properties"] |= {k: v for k, v in ACCEPTED.items() if k in schema["properties"]}
        if name != "Problem":
            _close(schema)
    # An item that is wrong refuses a bulk only when it is atomic; else it is answered by itself.
    schemas["BulkRequest"]["properties"].pop("atomic")
    wanted = schemas["JobRequest"]
    name, payload = next(iter(types.items()))
    wanted["properties"] |= {
        "type": {"const": name},
        "payload": payload,
        "queue": {"enum": ["default", None]},
        "run_at": {"enum": ["2030-01-31T09:30:00Z", "2031-01-31t10:30:00.5+01:00", None]},
    }
    return sharp


def _close(schema: Any) -> None:
    """Let no object have members that it does not name."""
    if isinstance(schema, list):
        for each in schema:
            _close(each)
    elif isinstance(schema, dict):
        if "properties" in schema and schema.get("type") == "object":
            schema.setdefault("additionalProperties", False)
        for each in schema.values():
            _close(each)


def attempt(trial: Trial, document: Document, *, url: str, folder: Path) -> str:
    """Run it; return "" when every answer was as described, else what Schemathesis says."""
    (folder / "openapi.json").write_text(json.dumps(document))
    config, options = CONFIG, []
    if len(trial.keys) > 1:
        config += PEERS.format(peers=json.dumps(list(trial.keys)))
        entries = [
            {"name": name, "fixedHeaders": [{"name": "Authorization", "value": key}]}
            for name, key in trial.keys.items()
        ]
        (folder / "keys.json").write_text(json.dumps({"auth": entries}))
    else:
        options = ["--header", f"Authorization: {next(iter(trial.keys.values()))}"]
    (folder / "schemathesis.toml").write_text(config)
    if trial.tenant is not None:
        options += ["--header", f"Waymark-Tenant: {trial.tenant}"]
    if trial.only is not None:
        options += ["--include-path", trial.only]
    if trial.seconds is not None:
        options += ["--max-time", str(trial.seconds)]
    done = subprocess.run(
        [
            # not its script: that bears the path of the environment it was installed from
            *(sys.executable, "-m", "schemathesis.cli", "--config-file", "schemathesis.toml"),
            *("run", "openapi.json", "--url", url, "--checks", "all", "--continue-on-failure"),
            *("--phases", ",".join(trial.phases), "--max-examples", str(trial.examples)),
            *("--seed", "1", "--no-color", "--request-timeout", "10", *options),
        ],
        cwd=folder,
        capture_output=True,
        text=True,
        timeout=LONGEST_SECONDS,
        check=False,
    )
    return "" if done.returncode == 0 else done.stdout + done.stderr
