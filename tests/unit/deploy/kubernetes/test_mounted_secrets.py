"""Secrets are read as the kubelet lays them down: links to a folder that is swapped as a whole."""

import json
import os
from collections.abc import Mapping
from pathlib import Path

import pytest

from deploy.secrets.files import Places, files
from deploy.secrets.made import make
from services.gateway.keys.file import LOOK_SECONDS, KeysFile
from services.gateway.settings import GatewaySettings
from tests.eventually import eventually
from tests.manifests.reading import objects_as_they_stand
from tests.manifests.workloads import SETTINGS, Workload, house_env, workloads

ALL = workloads(objects_as_they_stand(), house_env())
KEYS_SEEN_SECONDS = 4 * LOOK_SECONDS


def lay_down(folder: Path, texts: Mapping[str, str], *, generation: str) -> None:
    """Do what the kubelet's atomic writer does; once more is an update."""
    real = folder / f"..{generation}"
    real.mkdir()
    for name, text in texts.items():
        (real / name).write_text(text)
    swapped = folder / "..data_tmp"
    swapped.symlink_to(real.name)
    swapped.rename(folder / "..data")
    for name in texts:
        if not (folder / name).is_symlink():
            (folder / name).symlink_to(f"..data/{name}")


def made_for(workload: Workload, folder: Path) -> dict[str, str]:
    """What the pod's Secret holds, as far as it is mounted."""
    all_files = files(make(folder), Places())
    return {name: all_files[f"{workload.service}/{name}"] for name in workload.secret_files}


@pytest.mark.parametrize("workload", ALL, ids=lambda workload: workload.name)
def test_a_service_starts_with_what_is_mounted(
    workload: Workload, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    mounted = tmp_path / "mounted"
    mounted.mkdir()
    texts = made_for(workload, tmp_path)
    lay_down(mounted, texts, generation="1")
    own = {each["name"]: each["value"] for each in workload.container["env"]}
    told = {**workload.house, **own, "WAYMARK_SECRETS_DIR": str(mounted)}
    for name in [name for name in os.environ if name.startswith("WAYMARK_")]:
        monkeypatch.delenv(name)
    for name, value in told.items():
        monkeypatch.setenv(name, value)

    settings = SETTINGS[workload.service]()

    assert settings.redis_url.get_secret_value() == texts["WAYMARK_REDIS_URL"].strip()
    if "WAYMARK_AMQP_URL" in texts:
        assert settings.amqp_url.get_secret_value() == texts["WAYMARK_AMQP_URL"].strip()
    if isinstance(settings, GatewaySettings):
        assert settings.token_secret.get_secret_value() == texts["WAYMARK_TOKEN_SECRET"].strip()


def test_keys_that_are_swapped_are_seen_without_a_restart(tmp_path: Path) -> None:
    first = json.dumps([an_entry("first")])
    second = json.dumps([an_entry("first"), an_entry("second")])
    lay_down(tmp_path, {"keys.json": first}, generation="1")
    keys = KeysFile(tmp_path / "keys.json")
    assert set(keys.keys()) == {"first"}

    lay_down(tmp_path, {"keys.json": second}, generation="2")

    eventually(lambda: set(keys.keys()) == {"first", "second"}, within=KEYS_SEEN_SECONDS)
    assert keys.complaint is None


def an_entry(key: str) -> dict[str, object]:
    return {"id": key, "secret_sha256": "0" * 64, "tenant": "acme", "scopes": ["read"]}
