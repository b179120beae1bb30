"""Every address that is not a stranger's on the public internet is named and refused."""

from ipaddress import IPv4Address, IPv6Address, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from shared.contracts.webhooks.addresses import is_in, unwrapped, why_not_public

DENIED = [
    *("0.0.0.0", "0.1.2.3", "10.0.0.1", "10.255.255.255"),
    *("100.64.0.1", "100.100.100.200", "100.127.255.255"),
    *("127.0.0.1", "127.255.255.254", "169.254.0.1", "169.254.169.254"),
    *("172.16.0.1", "172.31.255.255", "192.168.0.1", "192.168.255.255"),
    *("192.0.0.1", "192.0.0.8", "192.0.0.9", "192.0.0.170", "192.0.0.192", "192.0.2.1"),
    *("192.88.99.1", "198.18.0.1", "198.19.255.255", "198.51.100.7", "203.0.113.7"),
    *("224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255", "168.63.129.16"),
    *("::", "::1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254"),
    *("::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::808:808", "64:ff9b:1::1", "100::1"),
    *("2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:20::1"),
    *("2001:1ff:ffff::1", "2001:db8::1", "2002:7f00:1::", "2002:808:808::1", "3fff::1"),
    *("5f00::1", "fc00::1", "fd00:ec2::254", "fdff::1", "fe80::1", "febf::1", "fe80::1%1"),
    *("fec0::1", "feff::1", "ff02::1", "ff0e::1", "1::1", "4000::1", "8000::1", "e000::1"),
]
PUBLIC = [
    *("1.1.1.1", "8.8.8.8", "9.255.255.255", "11.0.0.1", "100.63.255.255", "100.128.0.1"),
    *("126.255.255.255", "128.0.0.1", "169.253.255.255", "169.255.0.1", "172.15.255.255"),
    *("172.32.0.1", "191.255.255.255", "192.0.1.1", "192.167.255.255", "192.169.0.1"),
    *("198.17.255.255", "198.20.0.1", "223.255.255.255", "168.63.129.15"),
    *("2000::1", "2001:200::1", "2001:4860:4860::8888", "2606:4700::1111", "2003::1"),
    *("3ffe:ffff::1", "3fff:1000::1", "::ffff:8.8.8.8"),
]


@pytest.mark.parametrize("text", DENIED)
def test_an_address_that_is_not_public_is_refused(text: str) -> None:
    assert why_not_public(ip_address(text))


@pytest.mark.parametrize("text", PUBLIC)
def test_its_public_neighbour_is_not(text: str) -> None:
    assert why_not_public(ip_address(text)) is None


@given(st.ip_addresses())
def test_nothing_that_python_calls_local_is_ever_public(
    address: IPv4Address | IPv6Address,
) -> None:
    address = unwrapped(address)  # to Python all mapped ones are private, 8.8.8.8 too
    if address.is_private or address.is_multicast or address.is_reserved or address.is_link_local:
        assert why_not_public(address)


@given(st.ip_addresses(v=4))
def test_an_ipv4_address_dressed_as_ipv6_fares_no_better(address: IPv4Address) -> None:
    mapped = IPv6Address(f"::ffff:{address}")
    carried = [
        IPv6Address(f"::{address}"),
        IPv6Address(f"64:ff9b::{address}"),
        IPv6Address((0x2002 << 112) | (int(address) << 80)),
    ]

    assert why_not_public(mapped) == why_not_public(address)
    assert all(why_not_public(one) for one in carried)


def test_an_address_is_found_in_its_network_also_when_it_is_mapped() -> None:
    networks = [ip_network("10.1.0.0/16"), ip_network("fd00::/8")]

    assert is_in(ip_address("10.1.2.3"), networks)
    assert is_in(ip_address("::ffff:10.1.2.3"), networks)
    assert is_in(ip_address("fd12::1"), networks)
    assert not is_in(ip_address("10.2.0.1"), networks)
    assert not is_in(ip_address("::1"), networks)
