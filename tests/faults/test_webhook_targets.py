"""Webhook targets at their worst, for as long as that takes."""

import json
from pathlib import Path

from shared.contracts.lifecycle import State
from tests.integration.webhook_post import post_office
from tests.integration.webhook_receivers import drip, hang, raw_server, receiver

STUCK = 3  # of four slots


def test_a_target_that_hangs_or_drips_is_given_up_after_15_s_and_the_others_go_on(
    amqp_url: str, redis_url: str, tmp_path: Path
) -> None:
    drips = drip(b"HTTP/1.1 200 OK\r\nX: ")
    with (
        post_office(tmp_path, amqp_url=amqp_url, redis_url=redis_url) as post,
        raw_server(hang) as hung,
        raw_server(drips) as dripping,
        receiver() as ours,
    ):
        ports = [hung, dripping, hung]
        stuck = [post.deliver(f"http://127.0.0.1:{port}/") for port in ports[:STUCK]]
        good = post.ends(*(post.deliver(ours.url) for _ in range(100)), within=12)
        bad = post.ends(*stuck)

    assert {end.state for end in good} == {State.SUCCEEDED}
    assert len(ours.heard) == 100
    for end in bad:
        assert end.state is State.FAILED
        assert 14_000 < (end.finished_at or 0) - (end.started_at or 0) < 20_000
        assert "Timeout" in json.loads(end.error or "")["message"]
