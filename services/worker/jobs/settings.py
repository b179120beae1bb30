"""The settings of our own job types, WAYMARK_<NAME> in the environment."""

from pathlib import Path

from pydantic_settings import BaseSettings, SettingsConfigDict


class JobSettings(BaseSettings):
    """What our job types are told from outside."""

    model_config = SettingsConfigDict(env_prefix="WAYMARK_", frozen=True, extra="ignore")

    data_dir: Path = Path("data")  # the only folder whose files jobs may read
