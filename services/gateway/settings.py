"""Everything the gateway can be told from outside."""

import math
from pathlib import Path
from typing import Final

from pydantic import Field, SecretStr, field_validator
from pydantic_core import PydanticCustomError

from shared.contracts.rates import Rate
from shared.runtime.settings import (
    CommonSettings,
    OriginSettings,
    TraceSettings,
    WebhookSettings,
    is_address,
)

_HTTP: Final = frozenset({"http", "https"})
_STREAM: Final = frozenset({"ws", "wss"})


class GatewaySettings(CommonSettings, OriginSettings, WebhookSettings, TraceSettings):
    """WAYMARK_<NAME> of each field; sizes in bytes."""

    gateway_port: int = Field(default=8000, ge=0, le=65_535)  # where it listens
    notifier_port: int = Field(default=8001, ge=0, le=65_535)  # for links, without a stream_url
    url: str = ""  # the gateway as clients reach it; links start with it
    stream_url: str = ""  # the notifier's stream as browsers reach it: ws(s)://…/v1/stream
    token_secret: SecretStr = Field(min_length=32)  # signs browser tokens; the notifier's too
    keys_file: Path | None = None  # JSON: the hashes of API keys, with tenant and scopes

    rate_limit: float = Field(default=5_000, ge=0)  # requests a second of a tenant; 0: no limit
    rate_burst: int = Field(default=0, ge=0)  # requests at once; 0: twice the rate limit
    token_rate_limit: float = Field(default=50, ge=0)  # the same of a browser token; 0: no limit

    proxies: str = "127.0.0.1"  # addresses whose X-Forwarded-For is believed; * for all

    overdue_seconds: float = Field(
        default=60.0, gt=0
    )  # until a message counts as lost; under 10 some wrongly

    retention_seconds: float = Field(
        default=7 * 24 * 3600, ge=1
    )  # an ended job is kept so long, unless its type says otherwise
    max_live_jobs: int = Field(default=1_000_000, ge=0)  # of one tenant; 0: no limit

    body_limit: int = Field(default=1024 * 1024, ge=1024)  # bytes; above it 413
    bulk_body_limit: int = Field(default=16 * 1024 * 1024, ge=1024)  # bytes; of /v1/jobs/bulk
    payload_limit: int = Field(default=256 * 1024, ge=64)  # bytes; above it 413
    max_labels: int = Field(default=16, ge=0)  # of one job
    max_concurrent_requests: int = Field(default=1000, ge=1)  # above it 503, probes excepted
    max_connections: int = Field(
        default=20_000, ge=16
    )  # above it 503; fewer where ulimit -n says so
    keep_alive_seconds: int = Field(default=75, ge=1)  # an idle connection is closed after it

    @field_validator("url")
    @classmethod
    def _url_is_absolute(cls, url: str) -> str:
        if url and not is_address(url, _HTTP):
            raise PydanticCustomError("url", "must look like https://waymark.example.com")
        return url

    @field_validator("stream_url")
    @classmethod
    def _stream_url_is_absolute(cls, url: str) -> str:
        if url and not is_address(url, _STREAM):
            raise PydanticCustomError("url", "must look like wss://stream.example.com/v1/stream")
        return url

    @property
    def base_url(self) -> str:
        """Where clients reach the gateway, without a slash at the end."""
        return (self.url or f"http://{_dialable(self.host)}:{self.gateway_port}").rstrip("/")

    @property
    def public_stream_url(self) -> str:
        """Where browsers reach the stream."""
        return self.stream_url or f"ws://{_dialable(self.host)}:{self.notifier_port}/v1/stream"

    @property
    def tenant_rate(self) -> Rate | None:
        """How many requests of a tenant may pass."""
        if not self.rate_limit:
            return None
        return Rate(self.rate_limit, self.rate_burst or max(1, math.ceil(self.rate_limit * 2)))

    @property
    def token_rate(self) -> Rate | None:
        """How many requests of a browser token may pass."""
        burst = max(1, math.ceil(self.token_rate_limit * 2))
        return Rate(self.token_rate_limit, burst) if self.token_rate_limit else None


def _dialable(host: str) -> str:
    if host in {"0.0.0.0", "::", ""}:  # noqa: S104 - compared, not bound
        return "127.0.0.1"
    return f"[{host}]" if ":" in host else host
