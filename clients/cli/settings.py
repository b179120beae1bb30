"""Where the service is and who asks: the environment first, then `.waymark/dev.env` up the tree."""

import os
import shlex
from collections.abc import Mapping
from dataclasses import dataclass, replace
from ipaddress import ip_address
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

DEV_ENV: Final = Path(".waymark") / "dev.env"
DEFAULT_URL: Final = "http://127.0.0.1:8000"


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """`stream_url` None: as the gateway says. A key that is None: nobody told us."""

    url: str
    stream_url: str | None
    api_key: str | None
    platform_key: str | None = None
    tenant: str | None = None  # whose things a platform key is about

    def as_platform(self) -> "Settings":
        """Return the same for what is the house's: the platform's key, where there is one."""
        return replace(self, api_key=self.platform_key or self.api_key, tenant=None)

    def as_asked(self) -> "Settings":
        """Return the same with the platform's key where a tenant is named: only that may."""
        return self if self.tenant is None else replace(self.as_platform(), tenant=self.tenant)


def read_settings(environ: Mapping[str, str] | None = None, folder: Path | None = None) -> Settings:
    """Read WAYMARK_URL, _STREAM_URL, _API_KEY, _PLATFORM_KEY and _TENANT."""
    said = os.environ if environ is None else environ
    found = _dev_env(folder or Path.cwd())
    if said.get("WAYMARK_URL") or said.get("WAYMARK_API_KEY"):
        found.pop("WAYMARK_PLATFORM_KEY", None)  # of the house here, and another one is meant
    told = {**found, **said}
    settings = Settings(
        url=(told.get("WAYMARK_URL") or DEFAULT_URL).rstrip("/"),
        stream_url=told.get("WAYMARK_STREAM_URL") or None,
        api_key=told.get("WAYMARK_API_KEY") or None,
        platform_key=told.get("WAYMARK_PLATFORM_KEY") or None,
        tenant=told.get("WAYMARK_TENANT") or None,
    )
    return settings.as_asked()


def is_loopback(url: str) -> bool:
    """Tell whether a URL leads to this machine, where a proxy has no business."""
    host = urlsplit(url).hostname or ""
    try:
        return host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        return False


def _dev_env(folder: Path) -> dict[str, str]:
    for parent in (folder, *folder.parents):
        try:
            return parse_env((parent / DEV_ENV).read_text())
        except (OSError, UnicodeDecodeError):
            continue
    return {}


def parse_env(text: str) -> dict[str, str]:
    """Read lines of `NAME=value` or `export NAME='value'`, quoted as a shell does."""
    pairs: dict[str, str] = {}
    for line in text.splitlines():
        try:
            words = shlex.split(line, comments=True)
        except ValueError:
            continue
        for word in words:
            name, equals, value = word.partition("=")
            if equals and name.isidentifier():
                pairs[name] = value
    return pairs
