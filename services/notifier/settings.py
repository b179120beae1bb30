"""Everything the notifier can be told from outside."""

from pydantic import Field, SecretStr

from shared.runtime.settings import CommonSettings, OriginSettings


class NotifierSettings(CommonSettings, OriginSettings):
    """WAYMARK_<NAME> of each field."""

    notifier_port: int = Field(default=8001, ge=0, le=65_535)  # where it listens
    token_secret: SecretStr = Field(min_length=32)  # browser tokens are signed with it
    ping_seconds: float = Field(default=25.0, gt=0)  # how often a client is asked for a pong
    heard_seconds: float = Field(default=35.0, gt=0)  # silent for longer: the client is gone
    max_subscriptions: int = Field(default=200, ge=1)  # of one connection
