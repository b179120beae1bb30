"""Which URLs may be a webhook's, told without asking the DNS."""

from ipaddress import ip_address

import pytest

from shared.contracts.webhooks.targets import (
    LONGEST_URL,
    Target,
    TargetRefused,
    TargetRules,
    parse_rules,
    parse_target,
)

RULES = TargetRules()
NAME = "https://hooks.example.com/x"

# Every one of these is 127.0.0.1, 169.254.169.254 or something like it to some reader.
CORPUS = [
    *("https://2130706433/", "https://0x7f000001/", "https://017700000001/", "https://0x7f.1/"),
    *("https://127.1/", "https://127.0.1/", "https://0177.0.0.1/", "https://0x7f.0.0.1/"),
    *("https://127.0.0.1./", "https://0/", "https://0.0.0.0/", "https://1/", "https://0x/"),
    *("https://127.0.0.01/", "https://127.0.0.1/", "https://00000127.0.0.1/", "https://1.2.3/"),
    *("https://①②⑦.⓪.⓪.①/", "https://１２７.0.0.1/", "https://127。0。0。1/"),  # noqa: RUF001
    *("https://2852039166/", "https://0xA9FEA9FE/", "https://169.254.169.254/latest/meta-data"),
    *("https://[::1]/", "https://[::]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/"),
    *("https://[0:0:0:0:0:ffff:169.254.169.254]/", "https://[::127.0.0.1]/"),
    *("https://[64:ff9b::7f00:1]/", "https://[2002:7f00:1::]/", "https://[fe80::1%25eth0]/"),
    *("https://[fe80::1%1]/", "https://[fd00:ec2::254]/", "https://::1/", "https://[::1/"),
    *("https://[127.0.0.1]/", "https://[v1.x]/", "https://localhost/", "https://LOCALHOST/"),
    *(
        "https://a.localhost/",
        "https://localhost./",
        "https://10.0.0.1/",
        "https://255.255.255.255",
    ),
    *("https://user@example.com/", "https://user:pass@example.com/", "https://@example.com/"),
    *("https://example.com@127.0.0.1/", "https://127.0.0.1%2f@example.com/", "https://a%2eb.com/"),
    *("http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://x:6379/_"),
    *("javascript:alert(1)", "//example.com/", "example.com", "", "https://", "https:///x"),
    *("https:example.com", "https:/example.com", "https:\\\\example.com", "https://a\\@b.com/"),
    *("https://example.com\\@127.0.0.1/", "https://example.com:22/", "https://example.com:6379/"),
    *("https://example.com:0/", "https://example.com:65536/", "https://example.com:99999999/"),
    *("https://example.com:/", "https://example.com:+443/", "https://example.com:4٤3/"),
    *("https://example.com:443:443/", "https://exa mple.com/", "https://example.com/a b"),
    *("https://example.com/\r\nX: y", "https://example.com/\x00", "https://exam\tple.com/"),
    *("https://example.com/ä", "https://example.com/#x", "https://example.com/?a=<b>"),
    *("https://-a.com/", "https://a-.com/", "https://a..com/", "https://.com/", "https://../"),
    *("https://" + "a" * 64 + ".com/", "https://" + "a." * 130 + "com/", "https://xn--a/\u200b"),
    *("https://ex\u00adample\u2024com./\u200b", " https://example.com/", "https://example.com/ "),
    *("https://example.com/" + "a" * LONGEST_URL, "https://a$b.com/", "https://a,b.com/"),
]


@pytest.mark.parametrize("url", CORPUS)
def test_a_url_that_leads_astray_is_refused_with_a_sentence(url: str) -> None:
    with pytest.raises(TargetRefused) as refused:
        RULES.check(url)

    assert refused.value.detail.endswith(".")


@pytest.mark.parametrize(
    ("url", "host", "port", "path"),
    [
        ("https://hooks.example.com", "hooks.example.com", 443, "/"),
        (
            "HTTPS://Hooks.Example.COM:8443/a/b?c=d&e=%20",
            "hooks.example.com",
            8443,
            "/a/b?c=d&e=%20",
        ),
        ("https://example.com?x=1", "example.com", 443, "/?x=1"),
        ("https://example.com.", "example.com", 443, "/"),
        ("https://straße.example/x", "xn--strae-oqa.example", 443, "/x"),
        ("https://例え.テスト/", "xn--r8jz45g.xn--zckzah", 443, "/"),
        ("https://xn--r8jz45g.xn--zckzah/", "xn--r8jz45g.xn--zckzah", 443, "/"),
        ("https://1.1.1.1/", "1.1.1.1", 443, "/"),
        ("https://[2606:4700:0::1111]/", "2606:4700::1111", 443, "/"),
        ("https://[::ffff:1.1.1.1]/", "1.1.1.1", 443, "/"),
        ("https://my_service.example/", "my_service.example", 443, "/"),
        ("https://3com.example/@me/", "3com.example", 443, "/@me/"),
    ],
)
def test_a_good_url_is_read_in_one_way(url: str, host: str, port: int, path: str) -> None:
    target = RULES.check(url)

    assert (target.scheme, target.host, target.port, target.path) == ("https", host, port, path)


@pytest.mark.parametrize(
    ("url", "authority"),
    [
        ("https://example.com:443/", "example.com"),
        ("https://example.com:8443/", "example.com:8443"),
        ("https://[2606:4700::1111]:8443/", "[2606:4700::1111]:8443"),
    ],
)
def test_the_host_header_names_a_port_that_is_not_the_usual_one(url: str, authority: str) -> None:
    assert RULES.check(url).authority == authority


def of(url: str = NAME) -> Target:
    return parse_target(url)


def test_one_bad_address_among_good_ones_refuses_the_name() -> None:
    addresses = [ip_address("1.1.1.1"), ip_address("10.0.0.5")]

    with pytest.raises(TargetRefused) as refused:
        RULES.check_addresses(of(), addresses)

    assert "10.0.0.5" not in refused.value.detail
    assert refused.value.fields == {"address": "10.0.0.5", "range": "private"}


def test_a_name_with_public_addresses_alone_may_be_called() -> None:
    RULES.check_addresses(of(), [ip_address("1.1.1.1"), ip_address("2606:4700::1111")])


def test_an_allowed_host_may_have_any_address_but_neither_http_nor_another_port() -> None:
    rules = parse_rules(["Hooks.Internal"], [443])

    rules.check_addresses(rules.check("https://hooks.internal/"), [ip_address("10.0.0.5")])
    for url in ("http://hooks.internal/", "https://hooks.internal:9000/"):
        with pytest.raises(TargetRefused):
            rules.check(url)


def test_an_allowed_network_opens_itself_and_no_more() -> None:
    rules = parse_rules(["10.1.0.0/16", "fd00:1::/32", "127.0.0.2"], [443])

    rules.check("https://10.1.2.3/")
    rules.check("https://[fd00:1::5]/")
    rules.check_addresses(of(), [ip_address("10.1.2.3"), ip_address("1.1.1.1")])
    rules.check_addresses(of(), [ip_address("127.0.0.2")])
    with pytest.raises(TargetRefused):
        rules.check("https://10.2.0.1/")
    with pytest.raises(TargetRefused):
        rules.check_addresses(of(), [ip_address("10.1.2.3"), ip_address("127.0.0.1")])


def test_an_allowed_origin_opens_its_scheme_host_and_port_and_no_more() -> None:
    rules = parse_rules(["http://127.0.0.1:9000", "http://localhost:*"], [443])

    rules.check_addresses(rules.check("http://127.0.0.1:9000/x"), [ip_address("127.0.0.1")])
    rules.check_addresses(rules.check("http://localhost:77/"), [ip_address("::1")])
    for url in (
        *("http://127.0.0.1:9001/", "https://127.0.0.1:9000/", "http://127.0.0.2:9000/"),
        *("https://localhost/", "http://[::1]:9000/", "http://a.localhost:77/"),
    ):
        with pytest.raises(TargetRefused):
            rules.check(url)


def test_more_ports_may_be_opened_for_everybody() -> None:
    rules = parse_rules([], [443, 9443])

    assert rules.check("https://example.com:9443/").port == 9443
    with pytest.raises(TargetRefused):
        rules.check("https://example.com:8443/")


@pytest.mark.parametrize(
    "entry",
    ["10.0.0.1/8", "exa mple", "http://", "ftp://x", "http://a/b", "0x7f.1", "http://a:b", ""],
)
def test_an_entry_that_means_nothing_is_named(entry: str) -> None:
    with pytest.raises(ValueError, match="is no host, network or origin"):
        parse_rules([entry], [443])
