"""Signatures as every library for Standard Webhooks checks them."""

import base64

from shared.contracts.webhooks.signatures import signature, tenant_secrets

HOUSE = "a house secret of more than thirty-two characters"
OLDER = "the one before it, of more than thirty-two characters"


def test_the_example_of_the_standard_webhooks_libraries_comes_out() -> None:
    # tests of github.com/standard-webhooks/standard-webhooks, "sign function works"
    signed = signature(
        ["whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"],
        event_id="msg_p5jXN8AQM9LWM0D4loKWxJek",
        timestamp=1614265330,
        body=b'{"test": 2432232314}',
    )

    assert signed == "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="


def test_each_secret_of_the_house_signs_newest_first() -> None:
    both = tenant_secrets([HOUSE, OLDER], "acme")
    one, two = (signature([secret], event_id="e", timestamp=1, body=b"{}") for secret in both)

    assert signature(both, event_id="e", timestamp=1, body=b"{}") == f"{one} {two}"
    assert one != two


def test_a_tenant_s_secret_is_its_own_and_always_the_same() -> None:
    (ours,) = tenant_secrets([HOUSE], "acme")
    (theirs,) = tenant_secrets([HOUSE], "acme2")

    assert ours.startswith("whsec_")
    assert len(base64.b64decode(ours.removeprefix("whsec_"))) == 32
    assert ours != theirs
    assert tenant_secrets([HOUSE], "acme") == (ours,)
