"""The settings that every service has, read once from WAYMARK_<NAME> in the environment."""

from pydantic import Field, SecretStr
from pydantic_settings import BaseSettings, SettingsConfigDict


class CommonSettings(BaseSettings):
    """What each service is told from outside; frozen, each with a usable default."""

    model_config = SettingsConfigDict(env_prefix="WAYMARK_", frozen=True, extra="ignore")

    amqp_url: SecretStr = SecretStr("amqp://guest:guest@127.0.0.1:5672/%2F")
    redis_url: SecretStr = SecretStr("redis://127.0.0.1:6379/0")
    log_level: str = "INFO"
    host: str = "127.0.0.1"  # where this service listens
    lease_ms: int = Field(default=15_000, ge=1_000)  # an attempt's right to live; PROTOCOL, Leases
    watchdog_seconds: float = Field(default=30.0, gt=0)  # a loop stuck for longer ends its process
