"""The settings that every service has, read once from WAYMARK_<NAME> in the environment."""

import logging
import os
import re
from pathlib import Path
from typing import Annotated, Final, Literal, Self
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import (
    BaseSettings,
    NoDecode,
    PydanticBaseSettingsSource,
    SecretsSettingsSource,
    SettingsConfigDict,
)

from shared.contracts.topology import Topology, given, house_topology
from shared.contracts.webhooks.targets import USUAL_PORTS, TargetRules, parse_rules

_AMQP: Final = frozenset({"amqp", "amqps"})
# as browsers send it: lower case, a port only where it is not the scheme's own
_ORIGIN: Final = re.compile(r"https?://([a-z0-9.-]+|\[[0-9a-f:]+\])(:\d{1,5})?", re.ASCII)
_HEADER: Final = re.compile(r"[A-Za-z0-9-]+=[\x21-\x7e ]+", re.ASCII)
_HTTP: Final = frozenset({"http", "https"})
_REDIS: Final = frozenset({"redis", "rediss"})
_SHORTEST_SECRET: Final = 32  # characters


class CommonSettings(BaseSettings):
    """What each service is told from outside; frozen, each with a usable default."""

    model_config = SettingsConfigDict(env_prefix="WAYMARK_", frozen=True, extra="ignore")

    amqp_url: SecretStr = SecretStr("amqp://guest:guest@127.0.0.1:5672/%2F")  # where RabbitMQ is
    topology: Literal["declared", "given"] = (
        "declared"  # given: exchanges, ladder and dead letters were made by deploy/rabbitmq
    )
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")  # where Redis is
    log_level: str = "INFO"  # DEBUG, INFO, WARNING or ERROR
    version: str = "dev"  # of this build, as its operator calls it: a tag, a commit
    revision: str = ""  # the commit this build was made from
    host: str = "127.0.0.1"  # where this service listens
    lease_ms: int = Field(default=15_000, ge=1_000)  # an attempt's right to live; PROTOCOL, Leases
    watchdog_seconds: float = Field(default=30.0, gt=0)  # a loop stuck for longer ends its process
    secrets_dir: Path | None = None  # a folder with a file for each setting that is secret

    @classmethod
    def settings_customise_sources(
        cls,
        settings_cls: type[BaseSettings],
        init_settings: PydanticBaseSettingsSource,
        env_settings: PydanticBaseSettingsSource,
        dotenv_settings: PydanticBaseSettingsSource,
        file_secret_settings: PydanticBaseSettingsSource,
    ) -> tuple[PydanticBaseSettingsSource, ...]:
        """Look into the environment, then into WAYMARK_SECRETS_DIR for files named likewise."""
        del dotenv_settings, file_secret_settings
        folder = os.environ.get("WAYMARK_SECRETS_DIR", "")
        if not folder or not Path(folder).is_dir():  # `_holds_secrets` says so
            return init_settings, env_settings
        files = SecretsSettingsSource(settings_cls, secrets_dir=folder)
        return init_settings, env_settings, files

    @field_validator("secrets_dir")
    @classmethod
    def _holds_secrets(cls, folder: Path | None) -> Path | None:
        if folder is not None and not folder.is_dir():
            raise PydanticCustomError("folder", "must be a folder that can be read")
        return folder

    @property
    def house_topology(self) -> Topology:
        """What every service that speaks to RabbitMQ needs there, beside its own queues."""
        return house_topology() if self.topology == "declared" else given(house_topology())

    @field_validator("amqp_url")
    @classmethod
    def _leads_to_a_broker(cls, url: SecretStr) -> SecretStr:
        if not is_address(url.get_secret_value(), _AMQP):
            raise PydanticCustomError("url", "must look like amqp://user:password@host:5672/%2F")
        return url

    @field_validator("redis_url")
    @classmethod
    def _leads_to_a_store(cls, url: SecretStr) -> SecretStr:
        text = url.get_secret_value()
        if not text.startswith("unix://") and not is_address(text, _REDIS):
            raise PydanticCustomError("url", "must look like redis://:password@host:6379/0")
        return url

    @field_validator("log_level")
    @classmethod
    def _is_a_level(cls, level: str) -> str:
        known = logging.getLevelNamesMapping()
        if level.upper() not in known:
            raise PydanticCustomError("level", "must be DEBUG, INFO, WARNING, ERROR or CRITICAL")
        return level.upper()


class OriginSettings(BaseSettings):
    """What gateway and notifier are told of browsers; both must be told the same."""

    model_config = SettingsConfigDict(env_prefix="WAYMARK_", frozen=True, extra="ignore")

    origins: str = ""  # whose pages may call; none: localhost and 127.0.0.1, any port (development)

    @property
    def allowed_origins(self) -> tuple[str, ...]:
        """The origins of WAYMARK_ORIGINS."""
        return split(self.origins)

    @field_validator("origins")
    @classmethod
    def _are_origins(cls, origins: str) -> str:
        if not all(_ORIGIN.fullmatch(origin) for origin in split(origins)):
            words = "must be origins such as https://app.example.com: no path, no wildcard"
            raise PydanticCustomError("origins", words)
        return origins


class TraceSettings(BaseSettings):
    """What gateway and worker are told of traces; both must be told the same."""

    model_config = SettingsConfigDict(env_prefix="WAYMARK_", frozen=True, extra="ignore")

    otlp_url: str = ""  # a collector of OpenTelemetry's, http(s)://host:4318; none: no spans
    otlp_headers: SecretStr = SecretStr("")  # for the collector: name=value, separated by commas
    trace_ratio: float = Field(
        default=1.0, ge=0, le=1
    )  # of the traces that begin here; who comes with one has decided

    @property
    def collector_headers(self) -> dict[str, str]:
        """The headers of WAYMARK_OTLP_HEADERS."""
        pairs = (one.partition("=") for one in split(self.otlp_headers.get_secret_value()))
        return {name.strip().lower(): text.strip() for name, _, text in pairs}

    @field_validator("otlp_url")
    @classmethod
    def _leads_to_a_collector(cls, url: str) -> str:
        if url and not is_address(url, _HTTP):
            raise PydanticCustomError("url", "must look like http://collector:4318")
        return url

    @field_validator("otlp_headers")
    @classmethod
    def _are_headers(cls, headers: SecretStr) -> SecretStr:
        if not all(_HEADER.fullmatch(one) for one in split(headers.get_secret_value())):
            raise PydanticCustomError("headers", "must look like name=value,other=value")
        return headers


class WebhookSettings(BaseSettings):
    """What gateway and worker are told of webhooks; both must be told the same."""

    model_config = SettingsConfigDict(env_prefix="WAYMARK_", frozen=True, extra="ignore")

    webhook_secrets: SecretStr = SecretStr("")  # sign webhooks, newest first; none: no webhooks
    webhook_allow: Annotated[tuple[str, ...], NoDecode] = ()  # hosts, networks, origins not public
    webhook_ports: Annotated[tuple[int, ...], NoDecode] = tuple(sorted(USUAL_PORTS))  # https only

    @property
    def house_secrets(self) -> tuple[str, ...]:
        """The secrets that those of the tenants are derived from, newest first."""
        return split(self.webhook_secrets.get_secret_value())

    @property
    def target_rules(self) -> TargetRules:
        """Where webhooks may go."""
        return parse_rules(self.webhook_allow, self.webhook_ports)

    @field_validator("webhook_secrets")
    @classmethod
    def _secrets_are_long(cls, secrets: SecretStr) -> SecretStr:
        if any(len(one) < _SHORTEST_SECRET for one in split(secrets.get_secret_value())):
            raise PydanticCustomError("secret", "must have 32 or more characters, each of them")
        return secrets

    @field_validator("webhook_allow", "webhook_ports", mode="before")
    @classmethod
    def _parts(cls, value: object) -> object:
        return split(value) if isinstance(value, str) else value

    @model_validator(mode="after")
    def _rules_mean_something(self) -> Self:
        try:
            parse_rules(self.webhook_allow, self.webhook_ports)
        except ValueError as fault:
            raise ValueError(f"WAYMARK_WEBHOOK_ALLOW: {fault}") from fault
        return self


def split(text: str) -> tuple[str, ...]:
    """Return what stands between the commas."""
    return tuple(part.strip() for part in text.split(",") if part.strip())


def is_address(url: str, schemes: frozenset[str]) -> bool:
    """Whether a URL has one of the schemes, a host, and a port that can be one or none."""
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
