"""Private nodes start, die, come back on the same ports and remember."""

import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import pika
import redis

from deploy.local.process import birth_mark
from tests.eventually import eventually
from tests.nodes import Rabbit, Redis

REPO = Path(__file__).resolve().parents[2]


def test_a_killed_rabbitmq_comes_back_with_its_messages(
    new_rabbitmq: Callable[[], Rabbit],
) -> None:
    node = new_rabbitmq()
    first, address = node.pid, node.url
    _publish(address, "kept", b"precious")
    node.sync()

    node.kill()
    node.start()

    assert node.pid != first
    assert node.url == address
    assert eventually(lambda: _take(address, "kept")) == b"precious"


def test_a_frozen_rabbitmq_is_alive_and_silent(new_rabbitmq: Callable[[], Rabbit]) -> None:
    node = new_rabbitmq()
    node.freeze()

    assert node.is_running
    assert not node.answers()

    node.thaw()
    assert eventually(node.answers)


def test_a_rabbitmq_takes_nobodys_delivery_back_within_a_day(rabbitmq: Rabbit) -> None:
    answer = rabbitmq.ctl("eval", "application:get_env(rabbit, consumer_timeout).")

    assert int(answer.strip().strip("{}").split(",")[1]) >= 24 * 3600 * 1000


def test_each_test_gets_an_empty_virtual_host(rabbitmq: Rabbit, amqp_url: str) -> None:
    _publish(rabbitmq.url, "elsewhere", b"not mine")

    _publish(amqp_url, "elsewhere", b"mine")

    assert _take(amqp_url, "elsewhere") == b"mine"


def test_a_killed_redis_comes_back_with_its_data(new_redis: Callable[[], Redis]) -> None:
    node = new_redis()
    with redis.Redis.from_url(node.url) as client:
        client.set("kept", "precious")

    node.kill()
    node.start()

    with redis.Redis.from_url(node.url) as client:
        assert client.get("kept") == b"precious"


def test_a_wiped_redis_comes_back_empty(new_redis: Callable[[], Redis]) -> None:
    node = new_redis()
    with redis.Redis.from_url(node.url) as client:
        client.set("kept", "precious")

    node.wipe()
    node.start()

    with redis.Redis.from_url(node.url) as client:
        assert client.get("kept") is None


def test_the_sessions_redis_is_empty_for_each_test(redis_url: str) -> None:
    with redis.Redis.from_url(redis_url) as client:
        assert client.dbsize() == 0


def test_nothing_outlives_a_parent_that_was_killed(tmp_path: Path) -> None:
    program = f"""
        from pathlib import Path
        from deploy.local.redis import RedisNode
        from deploy.local.undertaker import watch_over
        folder = Path({str(tmp_path)!r})
        undertaker = watch_over(folder)
        node = RedisNode(folder / "redis")
        node.start()
        print(node.pid, flush=True)
        input()
    """
    parent = subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(program)],
        cwd=REPO,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    with parent:
        assert parent.stdout is not None
        orphan = int(parent.stdout.readline())
        assert birth_mark(orphan)

        parent.send_signal(signal.SIGKILL)

        eventually(lambda: not birth_mark(orphan), within=10)


def _publish(url: str, queue: str, body: bytes) -> None:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare(queue, durable=True, arguments={"x-queue-type": "quorum"})
        channel.basic_publish("", queue, body, pika.BasicProperties(delivery_mode=2))
    finally:
        connection.close()


def _take(url: str, queue: str) -> bytes | None:
    connection = pika.BlockingConnection(pika.URLParameters(url))
    try:
        body = connection.channel().basic_get(queue, auto_ack=True)[2]
        return bytes(body) if body is not None else None
    finally:
        connection.close()
