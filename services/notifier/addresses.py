"""Where a connection comes from, as far as it is worth counting. Pure."""

import ipaddress
from collections.abc import Sequence
from typing import Final

_Address = ipaddress.IPv4Address | ipaddress.IPv6Address
_Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_IPV6_SITE: Final = 64  # bits: one customer has at least so many addresses to himself


class Proxies:
    """Whose X-Forwarded-For is believed: addresses and networks, "*" for everybody's."""

    def __init__(self, named: Sequence[str]) -> None:
        """Read them.

        Raises:
            ValueError: one is neither an address nor a network.
        """
        self._everybody = "*" in named
        self._networks: tuple[_Network, ...] = tuple(
            ipaddress.ip_network(name, strict=False) for name in named if name != "*"
        )

    def include(self, address: _Address) -> bool:
        """Whether this is one of them."""
        return self._everybody or any(address in network for network in self._networks)


def countable(peer: str, forwarded: Sequence[str], proxies: Proxies) -> str:
    """Return whom a connection is counted with; "" for nobody.

    `forwarded`: the X-Forwarded-For headers in their order; each proxy has added whom it saw, so
    the last one that is no proxy of ours counts. An address that is not public says nothing: behind
    it stand a proxy that did not say, or machines of one's own. Of IPv6 the site counts.
    """
    address = _parse(peer)
    for told in reversed(",".join(forwarded).split(",")):
        if address is None or not proxies.include(address):
            break
        if (further := _parse(told)) is None:
            break
        address = further
    if address is None or not address.is_global:
        return ""
    if isinstance(address, ipaddress.IPv6Address):
        return str(ipaddress.ip_network((address, _IPV6_SITE), strict=False))
    return str(address)


def _parse(text: str) -> _Address | None:
    text = text.strip()
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        address = ipaddress.ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, ipaddress.IPv6Address) else None
    return mapped or address
