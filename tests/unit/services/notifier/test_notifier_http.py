"""What the notifier answers who does not come for a stream: problems of RFC 9457."""

from contextlib import AbstractAsyncContextManager

import httpx
import pytest

from services.notifier.app import build_app
from services.notifier.hub import Hub


def no_hub() -> AbstractAsyncContextManager[Hub]:
    raise AssertionError("nobody starts it here")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [
        ("GET", "/v1/nothing", 404, "not-found"),
        ("POST", "/v1/jobs/0190c1f0-0000-7000-8000-000000000001/events", 405, "method-not-allowed"),
        ("GET", "/v1/stream", 426, "upgrade-required"),
    ],
)
async def test_what_it_refuses_is_a_problem(method: str, path: str, status: int, code: str) -> None:
    transport = httpx.ASGITransport(build_app(no_hub, []))
    async with httpx.AsyncClient(transport=transport, base_url="http://notifier.test") as client:
        answer = await client.request(method, path)

    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    told = answer.json()
    assert (told["status"], told["code"], told["retryable"]) == (status, code, False)
    assert told["detail"]
    assert told["request_id"] == answer.headers["x-request-id"]
    assert (status == 405) == ("allow" in answer.headers)
    assert (status == 426) == (answer.headers.get("upgrade") == "websocket")
