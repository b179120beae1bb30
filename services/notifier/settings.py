"""Everything the notifier can be told from outside."""

import math
from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator
from pydantic_core import PydanticCustomError
from pydantic_settings import NoDecode

from services.notifier.addresses import Proxies
from shared.runtime.settings import CommonSettings, OriginSettings, split


class NotifierSettings(CommonSettings, OriginSettings):
    """WAYMARK_<NAME> of each field; a stream is a connection, over WebSocket or as events."""

    notifier_port: int = Field(default=8001, ge=0, le=65_535)  # where it listens
    token_secret: SecretStr = Field(min_length=32)  # browser tokens are signed with it
    proxies: Annotated[tuple[str, ...], NoDecode] = ("127.0.0.1",)  # as the gateway is told

    hello_seconds: float = Field(default=5.0, gt=0)  # until the first message, else 4105
    hello_limit: int = Field(default=64 * 1024, ge=1024)  # bytes of it, else 1009
    message_limit: int = Field(default=64 * 1024, ge=1024)  # bytes of a later one, else 1009
    message_rate: float = Field(default=20.0, gt=0)  # messages a second of a stream, else 4103
    message_burst: int = Field(default=400, ge=1)  # at once
    max_subscriptions: int = Field(default=200, ge=1)  # of one connection
    ping_seconds: float = Field(default=25.0, gt=0)  # how often a client is asked for a pong
    heard_seconds: float = Field(default=35.0, gt=0)  # silent for longer: the client is gone (4104)
    idle_seconds: float = Field(default=60.0, gt=0)  # for which one may follow nothing, else 4106
    token_grace_seconds: float = Field(default=5.0, ge=0)  # from a token's end to the close (4101)
    max_age_seconds: float = Field(
        default=4 * 3600.0, gt=0
    )  # of a stream, give or take 10 % (4203)

    max_streams: int = Field(default=20_000, ge=0)  # of this process, else 4102; 0: no limit
    max_tenant_streams: int = Field(default=16_000, ge=0)  # of a tenant, else 4107; 0: no limit
    max_token_streams: int = Field(default=8_000, ge=0)  # of a browser token, the same
    max_address_streams: int = Field(default=1_000, ge=0)  # of a public address, else 429; 0: none
    accept_rate: float = Field(default=2_000.0, gt=0)  # new streams a second, else 503
    accept_burst: int = Field(default=0, ge=0)  # at once; 0: thrice the rate

    drain_seconds: float = Field(default=30.0, ge=0)  # in which all clients are seen off at a stop
    drain_lead_seconds: float = Field(default=0.0, ge=0)  # before: not ready, for load balancers
    drain_stay_seconds: float = Field(default=5.0, ge=0)  # that a client told to move may stay

    @property
    def newcomers_at_once(self) -> int:
        """How many may come at once."""
        return self.accept_burst or max(1, math.ceil(self.accept_rate * 3))

    @property
    def known_proxies(self) -> Proxies:
        """Whose X-Forwarded-For is believed."""
        return Proxies(self.proxies)

    @model_validator(mode="after")
    def _times_fit_together(self) -> Self:
        if self.heard_seconds <= self.ping_seconds:
            raise ValueError("WAYMARK_HEARD_SECONDS must be more than WAYMARK_PING_SECONDS")
        if self.drain_lead_seconds > self.drain_seconds:
            raise ValueError("WAYMARK_DRAIN_LEAD_SECONDS is a part of WAYMARK_DRAIN_SECONDS")
        return self

    @field_validator("proxies", mode="before")
    @classmethod
    def _proxies_are_apart(cls, value: object) -> object:
        return split(value) if isinstance(value, str) else value

    @field_validator("proxies")
    @classmethod
    def _proxies_are_addresses(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        try:
            Proxies(names)
        except ValueError as fault:
            raise PydanticCustomError("proxies", "must be addresses or networks, or *") from fault
        return names
