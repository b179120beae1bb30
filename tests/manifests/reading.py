"""What lies in deploy/kubernetes, as it stands and as kubectl puts it together."""

import os
import re
import shutil
import subprocess
from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

from deploy.local.packages import offers
from tests.architecture.sources import REPO

KUBERNETES = REPO / "deploy" / "kubernetes"
BASE = KUBERNETES / "base"
PRODUCTION = KUBERNETES / "overlays" / "production"
PRODUCTION_WITH_RABBITMQ = KUBERNETES / "overlays" / "production-with-rabbitmq"
FOLDERS = (BASE, PRODUCTION, PRODUCTION_WITH_RABBITMQ)
LEAST_KUSTOMIZE = 5  # components and `labels`; Debian 12's kubectl brings 2
RENDER_SECONDS = 30

LOADER = getattr(yaml, "CSafeLoader", yaml.SafeLoader)  # ten times as fast, where it was built

Object = Mapping[str, Any]


@cache
def objects_as_they_stand() -> Sequence[Object]:
    """Return every object of every file that kustomize reads, before it does anything to it."""
    files = [file for file in KUBERNETES.rglob("*.yaml") if file.name != "kustomization.yaml"]
    return tuple(each for file in sorted(files) for each in parse(file.read_text()))


def parse(text: str) -> Iterator[Object]:
    """Yield the objects of a YAML stream."""
    yield from (each for each in yaml.load_all(text, Loader=LOADER) if each is not None)


def of_kind(kind: str, objects: Iterable[Object]) -> list[Object]:
    return [each for each in objects if each["kind"] == kind]


def name_of(thing: Object) -> str:
    return f"{thing['kind']}/{thing['metadata']['name']}"


def rendered(folder: Path) -> Sequence[Object]:
    """Return what `kubectl apply --kustomize` would send.

    Without a kubectl that can it skips; in CI it fails, where apt has one.
    """
    if not _kustomizes():
        reason = "needs kubectl 1.27 or newer: its kustomize puts the manifests together"
        if os.environ.get("CI") == "true" and offers("kubernetes-client", least=(1, 27)):
            pytest.fail(reason)
        pytest.skip(reason)
    return _rendered(folder)


@cache
def _rendered(folder: Path) -> Sequence[Object]:
    told = subprocess.run(
        ["kubectl", "kustomize", folder],
        check=True,
        capture_output=True,
        text=True,
        timeout=RENDER_SECONDS,
    )
    return tuple(parse(told.stdout))


@cache
def _kustomizes() -> bool:
    if shutil.which("kubectl") is None:
        return False
    told = subprocess.run(
        ["kubectl", "version", "--client"],
        check=False,
        capture_output=True,
        text=True,
        timeout=RENDER_SECONDS,
    )
    version = re.search(r"Kustomize Version: v(\d+)", told.stdout)
    return version is not None and int(version[1]) >= LEAST_KUSTOMIZE
