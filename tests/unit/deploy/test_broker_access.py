"""Who may do what in the broker, as patterns; test_shipped_house.py tries it."""

import re

from hypothesis import given
from hypothesis import strategies as st

from deploy.rabbitmq.access import User, users
from deploy.rabbitmq.definitions import definitions
from shared.contracts.topology import RESERVED_QUEUE_NAMES, house_topology, work_queues

BY_NAME = {user.name: user for user in users()}
GATEWAY, WORKER, MONITORING = BY_NAME["gateway"], BY_NAME["worker"], BY_NAME["monitoring"]
HOUSE = [
    *(exchange.name for exchange in house_topology().exchanges),
    *(queue.name for queue in house_topology().queues),
]
QUEUE_NAMES = st.from_regex(r"[a-z0-9-]{1,63}", fullmatch=True).filter(
    lambda name: name not in RESERVED_QUEUE_NAMES
)


def may(pattern: str, name: str) -> bool:
    return re.search(pattern, name) is not None


@given(queue=QUEUE_NAMES)
def test_a_worker_may_make_and_read_every_queue_of_jobs_there_can_be(queue: str) -> None:
    for name in work_queues(queue):
        assert may(WORKER.configure, name)
        assert may(WORKER.write, name)
        assert may(WORKER.read, name)
        assert not may(GATEWAY.read, name)


def test_nobody_may_make_or_delete_what_is_the_houses() -> None:
    assert [
        (user.name, each) for user in users() for each in HOUSE if may(user.configure, each)
    ] == []


def test_only_the_gateway_reads_the_dead_letters() -> None:
    assert [user.name for user in users() if may(user.read, "waymark.dead")] == ["gateway"]


def test_who_publishes_reaches_every_level_of_the_ladder() -> None:
    ladder = [each.name for each in house_topology().exchanges if ".delay." in each.name]

    for user in (GATEWAY, WORKER):
        assert all(may(user.write, name) for name in (*ladder, "amq.default"))


def test_who_looks_on_may_do_nothing_else() -> None:
    assert User("monitoring", tags=("monitoring",)) == MONITORING


def test_nobody_is_an_administrator_and_nobody_has_a_password_in_the_repository() -> None:
    told = definitions()["users"]

    assert all("administrator" not in user["tags"] for user in told)
    assert all(user["password_hash"] == "" for user in told)
