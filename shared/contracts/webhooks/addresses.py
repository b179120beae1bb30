"""Which IP addresses a webhook may reach: the public ones, and no way round. Pure.

Python's own `is_global` is no help: it lets multicast, NAT64, 6to4, ::127.0.0.1 and more through
(3.11.7), and which ones changes with its version. The list is that of the IANA special-purpose
registries, as Svix and Smokescreen deny it, and everything outside of 2000::/3.
"""

from collections.abc import Sequence
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network
from typing import Final

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_DENIED_4: Final = tuple(
    (IPv4Network(network), why)
    for network, why in (
        ("0.0.0.0/8", "this network"),
        ("10.0.0.0/8", "private"),
        ("100.64.0.0/10", "carrier-grade NAT"),
        ("127.0.0.0/8", "loopback"),
        ("168.63.129.16/32", "a cloud's own"),  # Azure's, on every machine there
        ("169.254.0.0/16", "link-local"),
        ("172.16.0.0/12", "private"),
        ("192.0.0.0/24", "protocol assignments"),
        ("192.0.2.0/24", "documentation"),
        ("192.88.99.0/24", "6to4 relay"),
        ("192.168.0.0/16", "private"),
        ("198.18.0.0/15", "benchmarks"),
        ("198.51.100.0/24", "documentation"),
        ("203.0.113.0/24", "documentation"),
        ("224.0.0.0/4", "multicast"),
        ("240.0.0.0/4", "reserved"),  # 255.255.255.255 too
    )
)
_DENIED_6: Final = tuple(
    (IPv6Network(network), why)
    for network, why in (
        ("::/96", "IPv4-compatible"),  # :: and ::1 too
        ("64:ff9b::/96", "NAT64"),
        ("64:ff9b:1::/48", "NAT64"),
        ("100::/64", "discarded"),
        ("2001::/23", "protocol assignments"),  # Teredo, ORCHID, benchmarks
        ("2001:db8::/32", "documentation"),
        ("2002::/16", "6to4"),
        ("3fff::/20", "documentation"),
        ("5f00::/16", "segment routing"),
        ("fc00::/7", "private"),
        ("fe80::/10", "link-local"),
        ("fec0::/10", "site-local"),
        ("ff00::/8", "multicast"),
    )
)
_GLOBAL_6: Final = IPv6Network("2000::/3")  # all that IANA has given out for hosts


def why_not_public(address: Address) -> str | None:
    """Return what kind of address this is that nobody may be sent to; None: it is a public one."""
    if isinstance(address, IPv6Address):
        return _why_not_6(address)
    return next((why for network, why in _DENIED_4 if address in network), None)


def is_in(address: Address, networks: Sequence[Network]) -> bool:
    """Whether one of the networks holds the address; IPv4 written as IPv6 counts as IPv4."""
    plain = unwrapped(address)
    return any(plain.version == network.version and plain in network for network in networks)


def unwrapped(address: Address) -> Address:
    """Return the IPv4 address inside an IPv4-mapped one, and any other as it is."""
    return (isinstance(address, IPv6Address) and address.ipv4_mapped) or address


def _why_not_6(address: IPv6Address) -> str | None:
    if address.scope_id is not None:
        return "link-local"
    if address.ipv4_mapped is not None:
        return why_not_public(address.ipv4_mapped)
    named = next((why for network, why in _DENIED_6 if address in network), None)
    return named or (None if address in _GLOBAL_6 else "reserved")
