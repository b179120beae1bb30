"""What the gateway is told from outside: a wrong word is named, and its value is not shown."""

import pytest
from pydantic import ValidationError

from services.gateway.settings import GatewaySettings
from tests.fakes.gateway import TOKEN_SECRET


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("amqp_url", "hidden:5672"),
        ("amqp_url", "http://hidden"),
        ("amqp_url", "amqp://hidden@host:port/"),
        ("redis_url", "hidden"),
        ("redis_url", "http://hidden"),
        ("redis_url", "redis://hidden:99999/0"),
        ("redis_url", "redis://"),
        ("log_level", "hidden"),
        ("url", "hidden.example.com"),
        ("url", "http://"),
        ("stream_url", "ws://[hidden/v1/stream"),
        ("stream_url", "https://hidden.example.com"),
    ],
)
def test_a_wrong_setting_is_refused_by_name(setting: str, value: str) -> None:
    with pytest.raises(ValidationError) as refused:
        GatewaySettings.model_validate({"token_secret": TOKEN_SECRET, setting: value})

    [wrong] = refused.value.errors()
    assert wrong["loc"] == (setting,)
    assert "hidden" not in wrong["msg"]


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("amqp_url", "amqps://user:word@rabbit.internal/house"),
        ("redis_url", "rediss://:word@[::1]:6380/3"),
        ("redis_url", "unix:///run/redis.sock"),
        ("url", "https://waymark.example.com/api"),
        ("stream_url", "wss://stream.example.com/v1/stream"),
    ],
)
def test_every_kind_of_address_is_taken(setting: str, value: str) -> None:
    settings = GatewaySettings.model_validate({"token_secret": TOKEN_SECRET, setting: value})

    kept = getattr(settings, setting)
    assert (kept if isinstance(kept, str) else kept.get_secret_value()) == value


def test_a_level_may_be_written_small() -> None:
    settings = GatewaySettings.model_validate({"token_secret": TOKEN_SECRET, "log_level": "debug"})

    assert settings.log_level == "DEBUG"


@pytest.mark.parametrize(
    ("setting", "value"),
    [
        ("webhook_secrets", "short"),
        ("webhook_secrets", "a secret of more than thirty-two characters, short"),
        ("webhook_allow", "http://10.0.0.0/8"),
        ("webhook_allow", "127.0.0.1,127.1"),
        ("webhook_ports", "https"),
    ],
)
def test_a_webhook_setting_that_means_nothing_is_refused(setting: str, value: str) -> None:
    with pytest.raises(ValidationError):
        GatewaySettings.model_validate({"token_secret": TOKEN_SECRET, setting: value})


def test_webhook_settings_are_lists_with_commas() -> None:
    older, newer = "o" * 32, "n" * 32
    settings = GatewaySettings.model_validate(
        {
            "token_secret": TOKEN_SECRET,
            "webhook_secrets": f"{newer}, {older}",
            "webhook_allow": "hooks.internal, 10.0.0.0/8",
            "webhook_ports": "443, 9443",
        }
    )

    assert settings.house_secrets == (newer, older)
    assert settings.target_rules.check("https://10.0.0.1:9443/").port == 9443
    assert "n" * 32 not in repr(settings)
