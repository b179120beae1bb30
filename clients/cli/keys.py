"""`waymark keys`: make API keys, look at them, take them back. Needs a platform key."""

import hashlib
import json
import secrets
import string
import sys
import time
from datetime import UTC, datetime
from typing import Annotated, Final

import typer

from clients.cli import access_tables, render
from clients.cli.api import Api, Document
from clients.cli.command import command
from clients.cli.exits import Exit, Stop, plain
from clients.cli.settings import read_settings
from clients.cli.values import BadValueError, seconds_of

app = typer.Typer(
    name="keys",
    help="Make API keys, look at them, take them back. Needs a platform key: "
    "WAYMARK_PLATFORM_KEY, or else WAYMARK_API_KEY.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
)

_ONCE: Final = "this is the only time its text is shown"
_FILE_HINT: Final = "the list in WAYMARK_KEYS_FILE needs this entry; the key is not shown again:"
_ID_LENGTH: Final = 12
_SECRET_LENGTH: Final = 32  # of 62 signs: 190 bits
_SIGNS: Final = string.digits + string.ascii_letters

Id = Annotated[str, typer.Argument(metavar="ID", help="What stands between wm_ and _.")]
Tenant = Annotated[str, typer.Option(help="Whose; '*' makes a platform key.")]
Scopes = Annotated[str, typer.Option(help="Some of submit,read,operate.")]
AsJson = Annotated[bool, typer.Option("--json", help="As the service says it.")]
Reason = Annotated[str | None, typer.Option(help="Why you do it; kept in the audit log.")]


@app.command()
@command
def create(
    tenant: Tenant,
    scopes: Scopes,
    name: Annotated[str | None, typer.Option(help="What it is for.")] = None,
    expires_in: Annotated[
        str | None, typer.Option(help="For how long it is valid: 12h, 90d. Else until revoked.")
    ] = None,
    *,
    as_json: AsJson = False,
) -> Exit:
    """Make a key and print it."""
    wanted: Document = {"tenant": tenant, "scopes": _split(scopes)}
    if name is not None:
        wanted["name"] = name
    if expires_in is not None:
        ends = datetime.fromtimestamp(time.time() + _seconds(expires_in), UTC)
        wanted["expires_at"] = ends.isoformat(timespec="milliseconds")
    with Api(read_settings().as_platform()) as api:
        return _hand_over(api.create_key(wanted), as_json=as_json)


@app.command("for-file")
@command
def for_file(
    tenant: Tenant,
    scopes: Scopes,
    name: Annotated[str, typer.Option(help="What it is for.")] = "",
    *,
    as_json: Annotated[bool, typer.Option("--json", help="Both, as one document.")] = False,
) -> Exit:
    """Make a key for WAYMARK_KEYS_FILE, the first platform key say; nothing is sent anywhere."""
    id_, secret = (_random(length) for length in (_ID_LENGTH, _SECRET_LENGTH))
    entry = {
        "id": id_,
        "secret_sha256": hashlib.sha256(secret.encode()).hexdigest(),
        "tenant": tenant,
        "scopes": _split(scopes),
        "name": name,
    }
    key = f"wm_{id_}_{secret}"
    if as_json:
        sys.stdout.write(json.dumps({"key": key, "entry": entry}, indent=2) + "\n")
        return Exit.SUCCEEDED
    sys.stdout.write(f"{key}\n")
    sys.stderr.write(f"{_FILE_HINT}\n{json.dumps(entry)}\n")
    return Exit.SUCCEEDED


@app.command("list")
@command
def list_keys(
    tenant: Annotated[str | None, typer.Option(help="Only this one's.")] = None,
    *,
    as_json: AsJson = False,
) -> Exit:
    """List every key, without its secret."""
    with Api(read_settings().as_platform()) as api:
        found = api.keys(tenant=tenant)
    if as_json:
        sys.stdout.writelines(json.dumps(key) + "\n" for key in found)
    else:
        render.show(render.stdout(), access_tables.keys_table(found))
    return Exit.SUCCEEDED


@app.command()
@command
def rotate(
    key: Id,
    overlap: Annotated[
        str, typer.Option(help="For how long the old secret works beside the new: 0, 1h, 2d.")
    ] = "24h",
    reason: Reason = None,
    *,
    as_json: AsJson = False,
) -> Exit:
    """Give a key a new secret and print it."""
    with Api(read_settings().as_platform()) as api:
        rotated = api.rotate_key(key, overlap_seconds=_seconds(overlap), reason=reason)
    return _hand_over(rotated, as_json=as_json)


@app.command()
@command
def revoke(key: Id, reason: Reason = None, *, as_json: AsJson = False) -> Exit:
    """Make a key invalid for good, within two seconds everywhere."""
    with Api(read_settings().as_platform()) as api:
        document = api.revoke_key(key, reason=reason)
    if as_json:
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
    else:
        words = f"{document['id']} of {document['tenant']} {document['state']}"
        render.show(render.stdout(), render.text(words))
    return Exit.SUCCEEDED


def _hand_over(document: Document, *, as_json: bool) -> Exit:
    if as_json:
        sys.stdout.write(json.dumps(document, indent=2) + "\n")
        return Exit.SUCCEEDED
    sys.stdout.write(f"{document['key']}\n")  # alone, for a script to take
    scopes = ", ".join(document["scopes"])
    words = f"key {document['id']} of {document['tenant']} ({scopes}); {_ONCE}"
    if document.get("old_secret_until"):
        words += f"; the old secret works until {document['old_secret_until']}"
    sys.stderr.write(f"{plain(words)}\n")
    return Exit.SUCCEEDED


def _seconds(duration: str) -> float:
    try:
        return seconds_of(duration)
    except BadValueError as fault:
        raise Stop(str(fault), Exit.USAGE) from None


def _split(scopes: str) -> list[str]:
    found = [scope.strip() for scope in scopes.split(",") if scope.strip()]
    if not found or not {"submit", "read", "operate"}.issuperset(found):
        raise Stop("--scopes takes some of submit,read,operate, with commas between", Exit.USAGE)
    return found


def _random(length: int) -> str:
    return "".join(secrets.choice(_SIGNS) for _ in range(length))
