"""What a webhook's URL may look like and where it may lead. Pure: names are resolved elsewhere.

The gateway checks a URL with it at the door; the worker does so again, and then every address that
the name has before it connects to one of them (`services/worker/jobs/webhook`).
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from ipaddress import AddressValueError, IPv4Address, IPv6Address, ip_network
from typing import Final

import idna

from shared.contracts.errors import WaymarkError
from shared.contracts.webhooks.addresses import Address, Network, is_in, unwrapped, why_not_public

LONGEST_URL: Final = 2_048  # characters
USUAL_PORTS: Final = frozenset({443, 8443})
_HTTPS: Final = 443
_DEFAULT_PORTS: Final = {"https": _HTTPS, "http": 80}
_HIGHEST_PORT: Final = 65_535
_LONGEST_HOST: Final = 253  # characters; RFC 1035
# What a URL may be made of; a space, a quote, a backslash or a control is read differently by
# different readers.
_VISIBLE: Final = re.compile(r"[!#-;=?-\[\]_a-z~%]+", re.ASCII)
_LABEL: Final = re.compile(r"(?!-)[a-z0-9_-]{1,63}(?<!-)", re.ASCII)
# A last label like these makes a resolver read the whole name as a number (WHATWG URL, "ends in a
# number"): 2130706433, 0x7f.1 and 127.1 are all 127.0.0.1 to glibc.
_NUMBER: Final = re.compile(r"\d+|0x[0-9a-f]*", re.ASCII)


class TargetRefused(WaymarkError):
    """A webhook may not be sent there."""

    code = "webhook-target-refused"


@dataclass(frozen=True, slots=True, kw_only=True)
class Target:
    """Where a webhook goes. `host` in ASCII, an IPv6 address without brackets.

    `path` is what stands in the request's first line; `address` is None where `host` is a name.
    """

    scheme: str
    host: str
    port: int
    path: str
    address: Address | None

    @property
    def authority(self) -> str:
        """What stands in the Host header."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return host if self.port == _DEFAULT_PORTS[self.scheme] else f"{host}:{self.port}"


@dataclass(frozen=True, slots=True)
class Origin:
    """A scheme, host and port that may be called whatever the rules say; port None: any."""

    scheme: str
    host: str
    port: int | None


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetRules:
    """The rules of one house: https to public addresses at `ports`, and what it exempts.

    `hosts` and `networks` may be called although they are not public, `origins` also by plain http
    and at their own port.
    """

    ports: frozenset[int] = USUAL_PORTS
    hosts: frozenset[str] = frozenset()
    networks: tuple[Network, ...] = ()
    origins: frozenset[Origin] = frozenset()

    def check(self, url: str) -> Target:
        """Return where a URL leads, as far as that can be told without asking the DNS.

        Raises:
            TargetRefused: with a sentence for the author of the URL.
        """
        target = parse_target(url)
        if not self._names_origin_of(target):
            if target.scheme != "https":
                raise TargetRefused("This must be an https URL.")
            if target.port not in self.ports:
                known = ", ".join(map(str, sorted(self.ports)))
                raise TargetRefused(f"Webhooks go to port {known} only.")
        if target.address is not None:
            self.check_addresses(target, [target.address])
        elif _is_local(target.host) and not self._exempts(target):
            raise TargetRefused("This name means the machine itself.")
        return target

    def check_addresses(self, target: Target, addresses: Sequence[Address]) -> None:
        """Let pass only a target all of whose addresses may be reached.

        Raises:
            TargetRefused: one may not; its fields `address` and `range` are for operators.
        """
        if self._exempts(target):
            return
        for address in addresses:
            why = why_not_public(address)
            if why is not None and not is_in(address, self.networks):
                raise TargetRefused(
                    "This leads to an address that webhooks must not reach.",
                    address=str(address),
                    range=why,
                )

    def _exempts(self, target: Target) -> bool:
        return target.host in self.hosts or self._names_origin_of(target)

    def _names_origin_of(self, target: Target) -> bool:
        scheme, host = target.scheme, target.host
        return not self.origins.isdisjoint(
            {Origin(scheme, host, target.port), Origin(scheme, host, None)}
        )


def parse_rules(allow: Iterable[str], ports: Iterable[int]) -> TargetRules:
    """Return the rules with what an operator allows beside the public addresses.

    Args:
        allow: names, addresses, networks (`10.1.0.0/16`), and origins (`http://127.0.0.1:9000`,
            `http://127.0.0.1:*`).
        ports: where https webhooks may go.

    Raises:
        ValueError: an entry is none of these; the text names it.
    """
    hosts: set[str] = set()
    networks: list[Network] = []
    origins: set[Origin] = set()
    for entry in allow:
        try:
            if "://" in entry:
                origins.add(_parse_origin(entry))
            elif "/" in entry:
                networks.append(ip_network(entry))
            else:
                host, address = parse_host(entry)
                if address is None:
                    hosts.add(host)
                else:
                    networks.append(ip_network(address))
        except (ValueError, TargetRefused) as fault:
            raise ValueError(f"{entry!r} is no host, network or origin: {fault}") from fault
    return TargetRules(
        ports=frozenset(ports),
        hosts=frozenset(hosts),
        networks=tuple(networks),
        origins=frozenset(origins),
    )


def parse_target(url: str) -> Target:
    """Return what a URL says, whoever may call it.

    Raises:
        TargetRefused: it is not an absolute http or https URL that everybody reads alike.
    """
    if len(url) > LONGEST_URL:
        raise TargetRefused(f"This is longer than {LONGEST_URL} characters.")
    scheme, separator, rest = url.partition("://")
    authority, path = _split(rest)
    if scheme.lower() not in _DEFAULT_PORTS or not separator:
        raise TargetRefused("This must be an https URL.")
    if "@" in authority:
        raise TargetRefused("Leave user and password out of the URL.")
    if path and not _VISIBLE.fullmatch(path):
        raise TargetRefused("The path holds characters that must be percent-encoded.")
    if "#" in path:
        raise TargetRefused("Leave the fragment (#…) out: it is never sent.")
    host, address, port = _parse_authority(authority, _DEFAULT_PORTS[scheme.lower()])
    return Target(
        scheme=scheme.lower(),
        host=host,
        port=port,
        path=path if path.startswith("/") else f"/{path}",
        address=address,
    )


def parse_host(text: str) -> tuple[str, Address | None]:
    """Return a host in the one way it is written here, and its address if it is one.

    Raises:
        TargetRefused: it is no host name, or an address in an unusual spelling.
    """
    if ":" in text or text.startswith("["):
        return _parse_ipv6(text.removeprefix("[").removesuffix("]"))
    host = _ascii(text).removesuffix(".")
    labels = host.split(".")
    if _NUMBER.fullmatch(labels[-1]):
        return _parse_ipv4(host)
    if len(host) > _LONGEST_HOST or not all(map(_LABEL.fullmatch, labels)):
        raise TargetRefused("This has no valid host name.")
    return host, None


def _split(rest: str) -> tuple[str, str]:
    end = next((n for n, sign in enumerate(rest) if sign in "/?#"), len(rest))
    return rest[:end], rest[end:]


def _parse_authority(authority: str, default: int) -> tuple[str, Address | None, int]:
    host, colon, port = authority, "", ""
    if not authority.endswith("]"):
        host, colon, port = authority.rpartition(":")
        host, port = (host, port) if colon else (authority, "")
    if ":" in host and not (host.startswith("[") and host.endswith("]")):
        raise TargetRefused("Put an IPv6 address into brackets.")
    if colon and not re.fullmatch(r"[1-9][0-9]{0,4}", port):
        raise TargetRefused("The port must be a number from 1 to 65535.")
    number = int(port) if colon else default
    if number > _HIGHEST_PORT:
        raise TargetRefused("The port must be a number from 1 to 65535.")
    return *parse_host(host), number


def _parse_ipv6(text: str) -> tuple[str, Address]:
    try:
        address = IPv6Address(text)
    except AddressValueError:
        raise TargetRefused("This has no valid host.") from None
    if address.scope_id is not None:
        raise TargetRefused("An address with a zone (%…) means nothing elsewhere.")
    plain = unwrapped(address)
    return str(plain), plain


def _parse_ipv4(text: str) -> tuple[str, Address]:
    try:
        address = IPv4Address(text)  # four decimal numbers without leading zeros, nothing else
    except AddressValueError:
        raise TargetRefused("Write an IPv4 address as four decimal numbers.") from None
    return str(address), address


def _ascii(text: str) -> str:
    if text.isascii():
        return text.lower()
    try:
        return idna.encode(text, uts46=True, std3_rules=True).decode().lower()
    except idna.IDNAError:
        raise TargetRefused("This has no valid host name.") from None


def _is_local(host: str) -> bool:
    return host == "localhost" or host.endswith(".localhost")


def _parse_origin(entry: str) -> Origin:
    any_port = entry.endswith(":*")
    target = parse_target(entry.removesuffix(":*"))
    if target.path != "/":
        raise TargetRefused("an origin has no path")
    return Origin(target.scheme, target.host, None if any_port else target.port)
