"""What docs/webhooks.md tells receivers to do works."""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from shared.contracts.webhooks.signatures import signature, tenant_secrets

PAGE = Path(__file__).resolve().parents[3] / "docs" / "webhooks.md"
SECRETS = tenant_secrets(["n" * 32, "o" * 32], "acme")
(STRANGER,) = tenant_secrets(["s" * 32], "acme")
BODY = '{"grün": 1.50}'.encode()


def sample(language: str) -> str:
    (found,) = re.findall(rf"```{language}\n(.*?)```", PAGE.read_text(), re.DOTALL)
    return str(found)


def signed(at: float, body: bytes = BODY) -> dict[str, str]:
    timestamp = int(at)
    return {
        "webhook-id": "evt_1",
        "webhook-timestamp": str(timestamp),
        "webhook-signature": signature(SECRETS, event_id="evt_1", timestamp=timestamp, body=body),
    }


def in_python(headers: dict[str, str], body: bytes, secret: str) -> bool:
    names: dict[str, Callable[[dict[str, str], bytes, str], bool]] = {}
    exec(sample("python"), names)
    return names["verify"](headers, body, secret)


def in_javascript(headers: dict[str, str], body: bytes, secret: str) -> bool:
    if shutil.which("node") is None:
        pytest.skip("needs node")
    facts = ", ".join(
        [json.dumps(headers), f"Buffer.from({json.dumps(body.hex())}, 'hex')", json.dumps(secret)]
    )
    program = f"{sample('javascript')}\nprocess.stdout.write(String(verify({facts})));"
    done = subprocess.run(
        ["node", "-e", program], capture_output=True, text=True, timeout=30, check=True
    )
    return done.stdout == "true"


@pytest.mark.parametrize("verify", [in_python, in_javascript])
def test_the_sample_takes_ours_and_nothing_else(
    verify: Callable[[dict[str, str], bytes, str], bool],
) -> None:
    now = time.time()

    assert all(verify(signed(now), BODY, secret) for secret in SECRETS)
    assert not verify(signed(now), BODY, STRANGER)
    assert not verify(signed(now), BODY + b" ", SECRETS[0])
    assert not verify(signed(now) | {"webhook-id": "evt_2"}, BODY, SECRETS[0])
    assert not verify(signed(now - 400), BODY, SECRETS[0])
