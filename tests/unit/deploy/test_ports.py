"""Ports that are free, taken, and next."""

import socket

import pytest

from deploy.local.errors import PortTakenError
from deploy.local.ports import free_ports, next_free, require_free


def test_free_ports_are_different() -> None:
    assert len(set(free_ports(5))) == 5


def test_a_taken_port_is_refused_with_its_setting() -> None:
    with (
        socket.create_server(("127.0.0.1", 0)) as owner,
        pytest.raises(PortTakenError, match="set WAYMARK_GATEWAY_PORT"),
    ):
        require_free(owner.getsockname()[1], setting="WAYMARK_GATEWAY_PORT")


def test_the_next_free_port_passes_over_reserved_ones() -> None:
    first = free_ports(1)[0]

    assert next_free(first, taken={first}) > first
