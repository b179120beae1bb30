"""webhook.deliver in a real worker: whom it refuses, and what it does not let others suffer."""

import base64
import hashlib
import hmac
import json
from collections.abc import Iterator

import pytest

from shared.contracts.lifecycle import State
from tests.eventually import eventually
from tests.integration.webhook_post import SECRET, Post, post_office
from tests.integration.webhook_receivers import (
    Heard,
    drip,
    endless,
    hang,
    in_turn,
    raw_server,
    receiver,
    says,
)
from tests.integration.worker_running import TENANT
from tests.nodes import Rabbit, Redis

GOOD = 12  # deliveries beside the bad ones

# Names that the worker's resolver is made to know, each with its answers in turn.
NAMES = {
    "rebind.test": [["127.0.0.2"], ["127.0.0.1"]],
    "private.test": [["127.0.0.1"]],
    "mixed.test": [["127.0.0.2", "127.0.0.1"]],
    "mapped.test": [["::ffff:127.0.0.1"]],
    "nat64.test": [["64:ff9b::7f00:1"]],
    "sixtofour.test": [["2002:7f00:1::"]],
    "nothing.test": [["::"]],
    "loopback6.test": [["::1"]],
    "metadata.test": [["169.254.169.254"]],
}
# Each would reach a server on this machine; {} is the port that it listens on.
SPELLINGS = (
    *("https://127.0.0.1:{}/", "https://2130706433:{}/", "https://0x7f000001:{}/"),
    *("https://017700000001:{}/", "https://0x7f.1:{}/", "https://127.1:{}/", "https://0:{}/"),
    *("https://0177.0.0.1:{}/", "https://①②⑦.⓪.⓪.①:{}/", "https://127.0.0.1.:{}/"),
    *("https://localhost:{}/", "https://LocalHost.:{}/", "https://[::1]:{}/", "https://[::]:{}/"),
    *("https://[::ffff:127.0.0.1]:{}/", "https://[::ffff:7f00:1]:{}/", "https://[::127.0.0.1]:{}/"),
    *("https://[64:ff9b::7f00:1]:{}/", "https://[2002:7f00:1::]:{}/", "https://0.0.0.0:{}/"),
    # And these would by other means: a password, another scheme, a name.
    *("https://user:password@127.0.0.2:{}/", "http://127.0.0.2:{}/", "ftp://127.0.0.2:{}/"),
    *("file:///etc/passwd", "gopher://127.0.0.2:{}/_x", "https://127.0.0.2:{}\\@127.0.0.1/"),
    *(f"https://{name}:{{}}/" for name in NAMES if name != "rebind.test"),
)


@pytest.fixture(scope="module")
def post(
    rabbitmq: Rabbit, redis_node: Redis, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Post]:
    """One worker for all of them: starting it costs more than each."""
    redis_node.flush()
    folder = tmp_path_factory.mktemp("post")
    amqp_url = rabbitmq.new_vhost("test-webhooks")
    with post_office(folder, amqp_url=amqp_url, redis_url=redis_node.url, names=NAMES) as office:
        yield office


def test_no_spelling_of_a_forbidden_address_gets_a_packet_sent_to_it(post: Post) -> None:
    refused = [post.deliver(url.format(post.everywhere.port)) for url in SPELLINGS]
    rebound = [post.deliver(f"https://rebind.test:{post.everywhere.port}/") for _ in range(12)]
    allowed = post.deliver(f"https://127.0.0.2:{post.everywhere.port}/")

    ends = dict(zip(SPELLINGS, post.ends(*refused), strict=True))
    codes = {url: json.loads(end.public_error or "{}").get("code") for url, end in ends.items()}
    assert codes == dict.fromkeys(SPELLINGS, "webhook_target_refused")
    assert all(end.state is State.FAILED for end in post.ends(*rebound, allowed))
    assert set(post.everywhere.reached) == {"127.0.0.2"}
    # Nobody learns from a refusal what the names inside are.
    assert not any("169.254" in (end.public_error or "") for end in ends.values())
    inside = ends["https://metadata.test:{}/"]
    assert json.loads(inside.error or "")["details"]["address"] == "169.254.169.254"


def test_it_is_signed_with_the_tenant_s_secret_and_tried_until_it_is_heard(post: Post) -> None:
    busy = says(503, b"busy: \x1b[31mcome back", Retry_After="2")
    with receiver(in_turn(busy, says(200, b"thanks"))) as ours:
        job = post.deliver(ours.url, max_attempts=3, event_id="evt_7")
        (record,) = post.ends(job)

    first, second = ours.heard
    assert record.state is State.SUCCEEDED
    result = json.loads(record.result or "")
    assert (result["status"], result["response"]) == (200, "thanks")
    told = json.loads(record.attempts[0].error or "")
    assert told["details"]["status"] == 503
    assert told["details"]["response"] == "busy: \ufffd[31mcome back"
    assert first.body == second.body == '{"n":1.5,"word":"grün"}'.encode()
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == "evt_7"
    waited = record.attempts[1].started_at - (record.attempts[0].finished_at or 0)
    assert waited >= 2_000
    for heard in ours.heard:
        assert heard.headers["webhook-signature"] == _expected(heard)


def test_without_an_event_id_the_job_s_own_id_is_the_webhook_s(post: Post) -> None:
    with receiver() as ours:
        job = post.deliver(ours.url)
        post.ends(job)

    assert ours.heard[0].headers["webhook-id"] == job


def test_410_ends_it_at_once_and_a_redirect_is_a_failure_that_nobody_follows(post: Post) -> None:
    elsewhere = "http://169.254.169.254/latest/meta-data/"
    with receiver(says(410)) as gone, receiver(says(302, Location=elsewhere)) as moved:
        ended, redirected = post.ends(
            post.deliver(gone.url, max_attempts=5), post.deliver(moved.url)
        )

    assert len(gone.heard) == len(ended.attempts) == 1
    assert json.loads(ended.public_error or "")["code"] == "webhook_gone"
    assert redirected.state is State.FAILED
    assert json.loads(redirected.error or "")["details"]["status"] == 302
    assert "169.254" not in (redirected.public_error or "")


def test_targets_that_hang_drip_or_never_end_do_not_hold_up_the_others(post: Post) -> None:
    drips = drip(b"HTTP/1.1 200 OK\r\nX: ")
    with raw_server(hang) as hung, raw_server(drips) as dripping, receiver(endless) as vast:
        stuck = [post.deliver(f"http://127.0.0.1:{port}/") for port in (hung, dripping)]
        eventually(lambda: all(post.house.read(job).state is State.RUNNING for job in stuck))
        with receiver() as ours:
            good = [post.deliver(ours.url) for _ in range(GOOD)]
            large = post.deliver(vast.url)
            ends = post.ends(*good, large, within=10)
        states = {post.house.read(job).state for job in stuck}

    assert {end.state for end in ends} == {State.SUCCEEDED}
    assert json.loads(ends[-1].result or "")["response"] == "x" * 1_024
    assert len(ours.heard) == GOOD
    assert states == {State.RUNNING}


def _expected(heard: Heard) -> str:
    """What an implementation of its own says the signature must be."""
    house = hmac.new(SECRET.encode(), digestmod=hashlib.sha256)
    house.update(f"waymark webhook secret 1\n{TENANT}".encode())
    signed = f"{heard.headers['webhook-id']}.{heard.headers['webhook-timestamp']}.".encode()
    mac = hmac.new(house.digest(), signed + heard.body, hashlib.sha256).digest()
    return f"v1,{base64.b64encode(mac).decode()}"
