"""What `python -m deploy.secrets` makes: once, privately, and what fits together stays together."""

import base64
import hashlib
import json
import re
import stat
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from deploy.secrets.files import Places, files
from deploy.secrets.made import Made, NothingToRenewError, make
from tests.architecture.sources import REPO


def texts(made: Made) -> Mapping[str, str]:
    return files(made, Places())


def test_a_second_run_makes_nothing_anew(tmp_path: Path) -> None:
    first = make(tmp_path)

    assert make(tmp_path) == first


def test_one_secret_is_renewed_and_no_other(tmp_path: Path) -> None:
    before = make(tmp_path).values

    after = make(tmp_path, renew=("redis.worker",)).values

    assert [name for name in before if before[name] != after[name]] == ["redis.worker"]


def test_a_secret_that_does_not_exist_is_not_renewed(tmp_path: Path) -> None:
    with pytest.raises(NothingToRenewError):
        make(tmp_path, renew=("redis.nobody",))


def test_what_is_random_is_its_owners_alone(tmp_path: Path) -> None:
    make(tmp_path)

    assert stat.S_IMODE((tmp_path / "house.json").stat().st_mode) == 0o600


def test_the_broker_knows_the_passwords_that_the_services_use(tmp_path: Path) -> None:
    made = texts(make(tmp_path))
    users = json.loads(made["rabbitmq/definitions.json"])["users"]
    known = {user["name"]: base64.b64decode(user["password_hash"]) for user in users}

    for service in ("gateway", "worker"):
        told = urlsplit(made[f"{service}/WAYMARK_AMQP_URL"])
        salt, digest = known[str(told.username)][:4], known[str(told.username)][4:]
        assert hashlib.sha256(salt + str(told.password).encode()).digest() == digest


def test_the_store_knows_the_passwords_that_the_services_use(tmp_path: Path) -> None:
    made = texts(make(tmp_path))

    for service in ("gateway", "worker", "notifier"):
        told = urlsplit(made[f"{service}/WAYMARK_REDIS_URL"])
        digest = hashlib.sha256(str(told.password).encode()).hexdigest()
        assert re.search(
            rf"^user {told.username} on #{digest} ", made["redis/users.acl"], re.MULTILINE
        )


def test_what_the_nodes_read_holds_hashes_alone(tmp_path: Path) -> None:
    made = make(tmp_path)
    passwords = set(made.passwords("rabbitmq").values()) | set(made.passwords("redis").values())
    read = texts(made)

    for name in ("rabbitmq/definitions.json", "redis/users.acl"):
        assert not [one for one in passwords if one in read[name]]
    keys = [made.values["key.first"], made.values["key.platform"]]
    assert not [key for key in keys if key.split("_")[2] in read["gateway/keys.json"]]


def test_gateway_and_notifier_sign_with_the_same_secret(tmp_path: Path) -> None:
    made = texts(make(tmp_path))

    assert made["gateway/WAYMARK_TOKEN_SECRET"] == made["notifier/WAYMARK_TOKEN_SECRET"]


def test_it_runs_with_nothing_but_python_and_prints_no_secret(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-S", "-m", "deploy.secrets", str(tmp_path / "made")],
        cwd=REPO,
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )

    made = json.loads((tmp_path / "made" / "house.json").read_text())
    assert stat.S_IMODE((tmp_path / "made").stat().st_mode) == 0o700
    assert (tmp_path / "made" / "keys" / "first").read_text() == made["key.first"]
    assert not [value for value in made.values() if value in done.stdout + done.stderr]
