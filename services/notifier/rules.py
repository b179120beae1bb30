"""What every session is held to, and what a token allows. Pure."""

from collections.abc import Callable

import msgspec

from shared.contracts.tokens import Grant


class Rules(msgspec.Struct, frozen=True, kw_only=True):
    """What every session is held to; durations in seconds."""

    hello_within: float = 5.0
    ping_every: float = 25.0
    heard_within: float = 35.0
    placed_within: float = 5.0  # a subscribe that waits longer gets `store-unavailable`
    idle_within: float = 60.0  # who follows nothing for so long may come back when he does
    max_age: float = 4 * 3600.0  # spreads the connections over the servers, in time
    token_notice: float = 60.0  # a client hears so long before that its token runs out
    token_grace: float = 5.0  # for the new token to arrive
    messages_per_second: float = 20.0
    message_burst: int = 400  # each of 200 subscriptions may be taken and given up at once
    max_subscriptions: int = 200
    max_bad_messages: int = 10
    # A client subscribes again, from its cursor, when it has found a gap. Beyond one such for each
    # subscription, and some, in a minute, what it knows and what it is told do not fit together.
    more_resumes: int = 50
    resumes_seconds: float = 60.0


class Admission(msgspec.Struct, frozen=True):
    """What a token allows, and for how many seconds still."""

    grant: Grant
    seconds: float


Admit = Callable[[str], Admission]
"""Verifies a token; raises ExpiredToken, RevokedToken or another InvalidToken."""
