"""Settings that come as files: what a container engine or Kubernetes mounts."""

from pathlib import Path

import pytest
from pydantic import ValidationError

from services.gateway.settings import GatewaySettings
from services.worker.settings import WorkerSettings

SECRET = "thirty-two characters at the least"


def test_a_file_named_as_a_setting_is_that_setting(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "WAYMARK_AMQP_URL").write_text("amqp://gateway:word@rabbitmq:5672/waymark\n")
    (tmp_path / "WAYMARK_TOKEN_SECRET").write_text(f"{SECRET}\n")
    (tmp_path / "WAYMARK_WEBHOOK_SECRETS").write_text(f"{SECRET},{SECRET}")
    monkeypatch.setenv("WAYMARK_SECRETS_DIR", str(tmp_path))

    settings = GatewaySettings()

    assert settings.amqp_url.get_secret_value() == "amqp://gateway:word@rabbitmq:5672/waymark"
    assert settings.token_secret.get_secret_value() == SECRET
    assert settings.house_secrets == (SECRET, SECRET)


def test_the_environment_wins_over_a_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "WAYMARK_REDIS_URL").write_text("redis://file/0")
    monkeypatch.setenv("WAYMARK_SECRETS_DIR", str(tmp_path))
    monkeypatch.setenv("WAYMARK_REDIS_URL", "redis://environment/0")

    assert WorkerSettings().redis_url.get_secret_value() == "redis://environment/0"


def test_a_folder_that_is_not_there_is_refused_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("WAYMARK_SECRETS_DIR", str(tmp_path / "forgotten"))

    with pytest.raises(ValidationError) as refused:
        WorkerSettings()

    [wrong] = refused.value.errors()
    assert wrong["loc"] == ("secrets_dir",)


def test_a_wrong_value_in_a_file_is_refused_without_being_shown(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "WAYMARK_AMQP_URL").write_text("http://hidden")
    monkeypatch.setenv("WAYMARK_SECRETS_DIR", str(tmp_path))

    with pytest.raises(ValidationError) as refused:
        WorkerSettings()

    [wrong] = refused.value.errors()
    assert wrong["loc"] == ("amqp_url",)
    assert "hidden" not in wrong["msg"]
