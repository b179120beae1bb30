"""A session, opened, and the words that a client says to it."""

import json
from collections.abc import Sequence
from typing import Any

from services.notifier.crowd import Seat
from services.notifier.effects import Effect, Send
from services.notifier.rules import Admission, Rules
from services.notifier.session import Session
from shared.contracts.errors import ExpiredToken, InvalidToken, RevokedToken
from shared.contracts.tokens import Grant
from shared.stream.merge import Event, Verdict
from tests.fakes.stream import JOB, Truth, unframed

OTHER = "0190c1f0-0000-7000-8000-000000000002"
END = 1_800_000_000
GRANTS = {
    "good": Grant(tenant="acme", jobs=frozenset({JOB, OTHER}), expires_at=END, id="t1", key="k1"),
    "fresh": Grant(tenant="acme", jobs=frozenset({JOB}), expires_at=END + 1, id="t2", key="k2"),
    "feed": Grant(tenant="acme", jobs=frozenset(), feed=True, expires_at=END),
    "nothing": Grant(tenant="acme", jobs=frozenset(), expires_at=END),
    "foreign": Grant(tenant="globex", jobs=frozenset({JOB}), expires_at=END),
}
RULES = Rules(max_subscriptions=3, token_grace=0.0)


def admit(token: str) -> Admission:
    if token == "expired":
        raise ExpiredToken
    if token == "revoked":
        raise RevokedToken
    if token not in GRANTS:
        raise InvalidToken
    return Admission(GRANTS[token], seconds=600.0)


def new_session(
    rules: Rules = RULES, *, seconds: float = 600.0, seat: Seat | None = None, age: float = 1.0
) -> Session:
    """Waits for its hello from 100.0 on."""

    def admit_for(token: str) -> Admission:
        return Admission(admit(token).grant, seconds)

    return Session(name="s1", rules=rules, admit=admit_for, now=100.0, seat=seat, age=age)


def happens(session: Session, job: str, event: Event) -> Sequence[Effect]:
    """What a connection does when it hears of an event."""
    verdict = session.hears(job, event)
    if verdict is Verdict.APPLY:
        return (Send(event.frame),)
    return session.disturbed(job) if verdict is Verdict.RESYNC else ()


def hello(*subscriptions: dict[str, Any], token: str = "good", version: object = 1) -> str:
    return json.dumps(
        {
            "type": "hello",
            "version": version,
            "token": token,
            "subscriptions": list(subscriptions),
        }
    )


def following(rules: Rules = RULES, *, seconds: float = 1e6, age: float = 1.0) -> Session:
    """Welcomed at 101.0, and JOB is live."""
    session, truth = new_session(rules, seconds=seconds, age=age), Truth()
    session.received(hello({"job": JOB}), 101.0)
    truth.transition()
    session.placed(JOB, truth.place())
    session.tick(106.0)  # when a subscribe would have waited for long enough
    return session


def subscribe(*jobs: str, request: object = 7) -> str:
    wanted = [{"job": job} for job in jobs]
    return json.dumps({"type": "subscribe", "id": request, "subscriptions": wanted})


def auth(token: str, request: object = 9) -> str:
    return json.dumps({"type": "auth", "id": request, "token": token})


def said(effects: Sequence[Effect]) -> list[dict[str, Any]]:
    return [unframed(effect.frame) for effect in effects if isinstance(effect, Send)]
