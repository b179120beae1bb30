"""Pages of other origins: who may call, what they may read, and what the others are told."""

from pathlib import Path

import httpx
import pytest
from pydantic import ValidationError

from services.gateway.settings import GatewaySettings
from tests.fakes.gateway import TOKEN_SECRET, FakeGateway

SHOP = "https://shop.example.com"
PREFLIGHT = {
    "access-control-request-method": "POST",
    "access-control-request-headers": "authorization,content-type,idempotency-key",
}


@pytest.fixture
def gateway(tmp_path: Path) -> FakeGateway:
    return FakeGateway(tmp_path, origins=(SHOP,))


async def preflight(gateway: FakeGateway, origin: str, **headers: str) -> httpx.Response:
    spelled = PREFLIGHT | {name.replace("_", "-"): value for name, value in headers.items()}
    return await gateway.client.options("/v1/jobs", headers={"origin": origin, **spelled})


async def test_a_page_of_a_named_origin_may_call_and_read_what_it_needs(
    gateway: FakeGateway,
) -> None:
    asked = await preflight(gateway, SHOP)
    answer = await gateway.get("/v1/jobs", origin=SHOP)

    assert asked.status_code == 200
    for response in (asked, answer):
        assert response.headers["access-control-allow-origin"] == SHOP
        assert "access-control-allow-credentials" not in response.headers
    exposed = answer.headers["access-control-expose-headers"]
    for name in ("ETag", "Location", "RateLimit", "RateLimit-Policy", "Retry-After"):
        assert name in exposed.split(", ")
    assert "Origin" in answer.headers["vary"]


@pytest.mark.parametrize(
    "origin",
    [
        "null",
        "",
        "http://shop.example.com",
        "https://shop.example.com:444",
        "https://shop.example.com.evil.test",
        "https://evil-shop.example.com",
        "https://shop.example.com@evil.test",
        "https://shop.example.comevil.test",
        "https://SHOP.example.com",
        "https://shop.example.com/",
        "http://localhost:3000",
    ],
)
async def test_an_origin_that_only_looks_like_it_is_refused(
    gateway: FakeGateway, origin: str
) -> None:
    asked = await preflight(gateway, origin)
    answer = await gateway.get("/v1/jobs", origin=origin)

    assert (asked.status_code, asked.json()["code"]) == (403, "origin-refused")
    assert asked.headers["content-type"] == "application/problem+json"
    assert asked.headers["x-request-id"] == asked.json()["request_id"]
    for response in (asked, answer):
        assert "access-control-allow-origin" not in response.headers


@pytest.mark.parametrize(
    ("origin", "allowed"),
    [
        ("http://localhost:3000", True),
        ("http://127.0.0.1", True),
        ("https://[::1]:8443", True),
        ("null", False),
        ("http://localhost.evil.test", False),
        ("http://127.0.0.1.evil.test:80", False),
        ("http://evil.test#localhost", False),
        ("http://xlocalhost", False),
        ("http://localhost:3000/x", False),
        ("http://localhost:123456", False),
        ("ftp://localhost", False),
    ],
)
async def test_where_no_origin_is_named_this_machine_s_pages_may_call(
    tmp_path: Path, origin: str, *, allowed: bool
) -> None:
    answer = await preflight(FakeGateway(tmp_path), origin)

    assert answer.is_success == allowed
    assert ("access-control-allow-origin" in answer.headers) == allowed


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"access_control_request_method": "DELETE"}, "method 'DELETE'"),
        ({"access_control_request_headers": "x-evil"}, "headers 'x-evil'"),
    ],
)
async def test_a_refused_preflight_says_what_was_wrong(
    gateway: FakeGateway, headers: dict[str, str], words: str
) -> None:
    answer = await preflight(gateway, SHOP, **headers)

    assert answer.status_code == 403
    assert words in answer.json()["detail"]


async def test_a_page_can_read_why_it_was_refused(gateway: FakeGateway) -> None:
    answer = await gateway.get("/v1/jobs", origin=SHOP, authorization="Bearer nonsense")

    assert answer.status_code == 401
    assert answer.headers["access-control-allow-origin"] == SHOP


@pytest.mark.parametrize(
    "origins",
    ["*", "shop.example.com", "https://shop.example.com/", "https://*.example.com", "null"],
)
def test_what_no_browser_sends_is_refused_as_a_setting(origins: str) -> None:
    with pytest.raises(ValidationError, match="must be origins such as"):
        GatewaySettings.model_validate({"token_secret": TOKEN_SECRET, "origins": origins})


def test_several_origins_are_separated_by_commas() -> None:
    settings = GatewaySettings.model_validate(
        {"token_secret": TOKEN_SECRET, "origins": f"{SHOP}, http://localhost:5173,"}
    )

    assert settings.allowed_origins == (SHOP, "http://localhost:5173")
