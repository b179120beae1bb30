"""TCP ports of the loopback interface: find free ones, refuse taken ones clearly."""

import secrets
import socket

from deploy.local.errors import HouseError, PortTakenError

LOOPBACK = "127.0.0.1"
HIGHEST_PORT = 65535
# Below the ports that Linux gives to outgoing connections (ip_local_port_range, 32768 up): one of
# those could be lent to a client while our server is down for a restart.
LENDABLE = range(20000, 32000)
CONNECT_SECONDS = 1.0  # loopback answers at once or not at all


def free_ports(count: int) -> list[int]:
    """Return `count` different ports that nobody listens on now.

    Another process may take one before its user binds it, so bind soon.
    """
    chosen: set[int] = set()
    while len(chosen) < count:
        candidate = secrets.choice(LENDABLE)
        if candidate not in chosen and is_free(candidate):
            chosen.add(candidate)
    return list(chosen)


def free_port() -> int:
    """Return one port that nobody listens on now."""
    return free_ports(1)[0]


def is_free(port: int) -> bool:
    """Tell whether a server could listen on this port now."""
    with socket.socket() as probe:
        # A server sets this too: connections in TIME_WAIT do not make a port taken.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((LOOPBACK, port))
        except OSError:
            return False
    return not answers(port)


def answers(port: int) -> bool:
    """Tell whether somebody accepts connections on this port."""
    try:
        socket.create_connection((LOOPBACK, port), timeout=CONNECT_SECONDS).close()
    except OSError:
        return False
    return True


def require_free(port: int, *, setting: str) -> int:
    """Return the port itself.

    Raises:
        PortTakenError: somebody listens there; names the setting that chooses another.
    """
    if not is_free(port):
        raise PortTakenError(port, setting)
    return port


def next_free(port: int, *, taken: set[int]) -> int:
    """Return the first port from `port` upwards that is free and not in `taken`.

    Raises:
        HouseError: none is left.
    """
    for candidate in range(port, HIGHEST_PORT + 1):
        if candidate not in taken and is_free(candidate):
            return candidate
    message = f"no free port from {port} upwards"
    raise HouseError(message)
