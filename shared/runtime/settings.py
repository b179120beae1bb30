"""The settings that every service has, read once from WAYMARK_<NAME> in the environment."""

import logging
from typing import Final
from urllib.parse import urlsplit

from pydantic import Field, SecretStr, field_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import BaseSettings, SettingsConfigDict

_AMQP: Final = frozenset({"amqp", "amqps"})
_REDIS: Final = frozenset({"redis", "rediss"})


class CommonSettings(BaseSettings):
    """What each service is told from outside; frozen, each with a usable default."""

    model_config = SettingsConfigDict(env_prefix="WAYMARK_", frozen=True, extra="ignore")

    amqp_url: SecretStr = SecretStr("amqp://guest:guest@127.0.0.1:5672/%2F")  # where RabbitMQ is
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")  # where Redis is
    log_level: str = "INFO"  # DEBUG, INFO, WARNING or ERROR
    host: str = "127.0.0.1"  # where this service listens
    lease_ms: int = Field(default=15_000, ge=1_000)  # an attempt's right to live; PROTOCOL, Leases
    watchdog_seconds: float = Field(default=30.0, gt=0)  # a loop stuck for longer ends its process

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


def is_address(url: str, schemes: frozenset[str]) -> bool:
    """Whether a URL has one of the schemes, a host, and a port that can be one or none."""
    try:
        parts = urlsplit(url)
        return parts.scheme in schemes and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False
