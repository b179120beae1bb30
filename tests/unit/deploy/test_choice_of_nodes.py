"""Where RabbitMQ and Redis come from: the order, and that nothing is asked in vain."""

from collections.abc import Mapping

import pytest

from deploy.local.errors import NoNodesError
from deploy.local.nodes import Kind, Machine, Source, choose

ADDRESSES = {"WAYMARK_AMQP_URL": "amqp://elsewhere", "WAYMARK_REDIS_URL": "redis://elsewhere"}


def a_machine(*, programs: bool = False, engine: bool = False, root: bool = False) -> Machine:
    return Machine(lambda _kind: programs, lambda: engine, lambda: root)


@pytest.mark.parametrize("kind", Kind)
@pytest.mark.parametrize(
    ("env", "machine", "source"),
    [
        (ADDRESSES, a_machine(programs=True, engine=True, root=True), Source.ADDRESS),
        ({}, a_machine(programs=True, engine=True, root=True), Source.PROCESS),
        ({}, a_machine(engine=True, root=True), Source.CONTAINER),
        ({}, a_machine(root=True), Source.INSTALL),
        (ADDRESSES | {"WAYMARK_NODES": "private"}, a_machine(programs=True), Source.PROCESS),
        (ADDRESSES | {"WAYMARK_NODES": "private"}, a_machine(engine=True), Source.CONTAINER),
    ],
)
def test_the_first_way_that_works_is_taken(
    kind: Kind, env: Mapping[str, str], machine: Machine, source: Source
) -> None:
    assert choose(kind, env, machine) is source


def test_each_node_is_chosen_by_itself() -> None:
    env = {"WAYMARK_AMQP_URL": "amqp://elsewhere"}

    assert choose(Kind.RABBITMQ, env, a_machine(programs=True)) is Source.ADDRESS
    assert choose(Kind.REDIS, env, a_machine(programs=True)) is Source.PROCESS


@pytest.mark.parametrize("kind", Kind)
def test_a_machine_without_any_way_is_told_what_to_install(kind: Kind) -> None:
    with pytest.raises(NoNodesError, match=f"apt-get install .*{kind}") as refusal:
        choose(kind, {}, a_machine())

    assert "\n" not in str(refusal.value)


def test_a_slow_engine_is_not_asked_where_programs_are_installed() -> None:
    def must_not_be_asked() -> bool:
        pytest.fail("asked the engine")

    machine = Machine(lambda _kind: True, must_not_be_asked, must_not_be_asked)

    assert choose(Kind.REDIS, {}, machine) is Source.PROCESS
