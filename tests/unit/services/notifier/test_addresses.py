"""Whom a connection is counted with."""

import pytest

from services.notifier.addresses import Proxies, countable

BALANCERS = Proxies(["127.0.0.1", "10.0.0.0/8", "2001:db8::/32"])


@pytest.mark.parametrize(
    ("peer", "forwarded", "counted"),
    [
        ("8.8.8.8", [], "8.8.8.8"),
        ("8.8.8.8", ["1.1.1.1"], "8.8.8.8"),  # who is no proxy of ours may say what he likes
        ("10.0.0.1", ["1.1.1.1"], "1.1.1.1"),
        ("127.0.0.1", ["9.9.9.9, 1.1.1.1"], "1.1.1.1"),  # the first is the client's own invention
        ("127.0.0.1", ["9.9.9.9, 1.1.1.1, 10.2.3.4"], "1.1.1.1"),
        ("127.0.0.1", ["9.9.9.9", "1.1.1.1", "10.2.3.4"], "1.1.1.1"),
        ("127.0.0.1", ["1.1.1.1:4711"], "1.1.1.1"),
        ("127.0.0.1", ["[2606:4700::1111]:443"], "2606:4700::/64"),
        ("2606:4700:0:0:ffff::1", [], "2606:4700::/64"),
        ("::ffff:8.8.8.8", [], "8.8.8.8"),
        ("127.0.0.1", [], ""),
        ("10.0.0.1", ["10.0.0.2"], ""),
        ("192.168.1.7", [], ""),
        ("127.0.0.1", ["unknown"], ""),
        ("127.0.0.1", ["9.9.9.9, rubbish"], ""),
        ("", ["1.1.1.1"], ""),
    ],
)
def test_the_last_one_that_is_no_proxy_of_ours_counts(
    peer: str, forwarded: list[str], counted: str
) -> None:
    assert countable(peer, forwarded, BALANCERS) == counted


def test_everybody_may_be_believed() -> None:
    assert countable("8.8.8.8", ["9.9.9.9, 1.1.1.1"], Proxies(["*"])) == "9.9.9.9"


def test_what_is_no_address_is_no_proxy() -> None:
    with pytest.raises(ValueError, match="balancer"):
        Proxies(["balancer"])
