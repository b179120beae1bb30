"""The users of the store and the least that each must be allowed, as Redis writes ACLs.

A deployment makes `users.acl` of it from its secrets (`python -m deploy.secrets`).
"""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

# What empties, copies, stops or reconfigures a store is @dangerous; two harmless ones are counted
# to it: which history this is (INFO), and whether it deletes what does not fit (CONFIG GET).
_READING: Final = "+@read +@scripting -script -function +@pubsub +@connection +time"
_WRITING: Final = f"{_READING} +@write +@transaction"
_HARMLESS: Final = "-@dangerous +info +config|get"
_JOBS: Final = "wm:{*"  # every key of every tenant
_EVERYBODYS: Final = ("wm:tenants", "wm:catalog", "wm:workers", "wm:paused")


@dataclass(frozen=True, slots=True)
class User:
    """Somebody who may speak to the store: commands, key patterns, channels."""

    name: str
    commands: str
    keys: tuple[str, ...] = ()
    channels: tuple[str, ...] = ()


def users() -> tuple[User, ...]:
    """Return them all."""
    return (
        User("gateway", f"{_WRITING} {_HARMLESS}", ("~wm:*",), ("wm:*",)),
        User(  # neither API keys nor the audit of what was done with them
            "worker",
            f"{_WRITING} {_HARMLESS}",
            (f"~{_JOBS}", *(f"~{key}" for key in _EVERYBODYS)),
            ("wm:{*", "wm:worker:*"),
        ),
        User(  # it never changes a job: without @write a script of its may not either
            "notifier",
            f"{_READING} {_HARMLESS}",
            (f"~{_JOBS}", "%R~wm:keys"),  # EVALSHA asks for both rights to the keys it is given
            ("wm:{*",),
        ),
        User(  # what redis_exporter asks
            "monitoring",
            "+ping +info +config|get +slowlog|len +slowlog|get +latency|latest +latency|histogram"
            " +client|list +client|setname +hello +select +command|count +memory|stats",
        ),
        User(  # a human with docs/runbooks before them: looks, and sets what can be set
            "operator",
            "+@read +@connection -@dangerous +info +config|get +config|set +bgrewriteaof +slowlog"
            " +latency +memory +client|list",
            ("%R~wm:*",),
        ),
    )


def rendered(passwords: Mapping[str, str]) -> str:
    """Return the file; a user without an entry in `passwords` cannot log in.

    `default` is off, and without a password that it could be switched on with.
    """
    lines = ["user default off sanitize-payload resetpass resetkeys resetchannels -@all"]
    lines += [_line(user, passwords.get(user.name)) for user in users()]
    return "\n".join(lines) + "\n"


def _line(user: User, password: str | None) -> str:
    secret = f"#{hashlib.sha256(password.encode()).hexdigest()}" if password else "resetpass"
    state = "on" if password else "off"
    channels = [f"&{channel}" for channel in user.channels]
    words = [state, secret, "resetchannels", *channels, *user.keys, "-@all", user.commands]
    return " ".join(["user", user.name, *words])
