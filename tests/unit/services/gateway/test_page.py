"""`/` serves the page and its client: whole, from here alone, and with nothing secret in it."""

import re
from pathlib import Path

import httpx
import pytest

from services.gateway.routes.page import content_policy
from tests.fakes.gateway import FakeGateway

CLIENTS = Path(__file__).parents[4] / "clients"
SOURCES = [*(CLIENTS / "page").glob("*.*"), *(CLIENTS / "js" / "src").rglob("*.js")]
JAVASCRIPT = [file for file in SOURCES if file.suffix == ".js"]
IMPORT = re.compile(r'(?:from|import) "(/?[./][^"]+)"')


@pytest.fixture
def gateway(tmp_path: Path) -> FakeGateway:
    return FakeGateway(tmp_path)


async def test_everything_the_page_asks_for_is_there(gateway: FakeGateway) -> None:
    page = await gateway.get("/")
    asked = set(re.findall(r'(?:src|href)="(/(?:page|client)/[^"]+)"', page.text))
    seen: dict[str, httpx.Response] = {}
    while asked - seen.keys():
        path = min(asked - seen.keys())
        seen[path] = await gateway.get(path)
        if path.endswith(".js"):
            base = httpx.URL(f"http://gateway{path}")
            asked |= {base.join(wanted).path for wanted in IMPORT.findall(seen[path].text)}

    assert page.status_code == 200
    assert {path for path, answer in seen.items() if answer.status_code != 200} == set()
    types = {Path(path).suffix: answer.headers["content-type"] for path, answer in seen.items()}
    assert types[".js"] == "text/javascript; charset=utf-8"
    assert types[".css"] == "text/css; charset=utf-8"
    assert types[".svg"] == "image/svg+xml"
    assert len(seen) > 20


async def test_the_page_may_call_its_own_house_and_nothing_else(gateway: FakeGateway) -> None:
    page = await gateway.get("/")

    assert "://" not in page.text
    assert "style=" not in page.text
    policy = page.headers["content-security-policy"]
    assert "connect-src 'self' ws://stream.test http://stream.test;" in policy
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["referrer-policy"] == "no-referrer"


def test_a_stream_behind_tls_is_called_over_tls_alone() -> None:
    policy = content_policy("wss://stream.example.com/v1/stream")

    assert "connect-src 'self' wss://stream.example.com https://stream.example.com;" in policy
    assert " http:" not in policy
    assert " ws:" not in policy


async def test_a_browser_that_has_a_file_is_told_that_it_is_still_true(
    gateway: FakeGateway,
) -> None:
    first = await gateway.get("/client/index.js")
    same = await gateway.get("/client/index.js", if_none_match=first.headers["etag"])
    changed = await gateway.get("/client/index.js", if_none_match='"another"')

    assert first.headers["cache-control"] == "no-cache"
    assert (same.status_code, same.content) == (304, b"")
    assert changed.content == first.content


@pytest.mark.parametrize(
    "path",
    ["/page/nothing.js", "/client/../package.json", "/client/..%2fpackage.json", "/page/%2e%2e/x"],
)
async def test_nothing_else_is_served(gateway: FakeGateway, path: str) -> None:
    answer = await gateway.get(path)

    assert answer.status_code == 404
    assert answer.headers["content-type"] == "application/problem+json"


def test_what_comes_over_the_network_never_becomes_markup() -> None:
    ways = ("innerHTML", "outerHTML", "insertAdjacentHTML", "document.write", "eval(")
    guilty = [file.name for file in JAVASCRIPT if any(way in file.read_text() for way in ways)]

    assert JAVASCRIPT
    assert not guilty


def test_no_key_and_no_address_is_written_into_the_page() -> None:
    for file in SOURCES:
        text = file.read_text()
        assert not re.search(r"wm_\w{6}", text), file.name
        assert set(re.findall(r"\w+://[\w.]+", text)) <= {
            "ws://fake",  # of the fake server
            "http://www.w3.org",  # what SVG is called
        }, file.name
