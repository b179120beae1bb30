"""The folder that Prometheus reads: rules and alerts of the repository, targets of this house."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from deploy.local.service import REPO

SOURCE = REPO / "deploy" / "observability"
CONFIG = "prometheus.yml"
RECEIVER = re.compile(r"(?m)^  - name: (\w+)$")
TARGETS = "targets"
INTERVALS = re.compile(r"(?m)^(  (?:scrape_interval|scrape_timeout|evaluation_interval):).*$")


@dataclass(frozen=True)
class Target:
    """One process to scrape; `instance` is its name in this house, for people."""

    instance: str
    address: str  # host:port


def furnish(folder: Path, *, every_seconds: int) -> None:
    """Lay out configuration and rules; the repository's own files are linked, not copied."""
    folder.mkdir(parents=True, exist_ok=True)
    for source in (SOURCE / "prometheus").iterdir():
        if source.name in {CONFIG, TARGETS}:
            continue
        link = folder / source.name
        link.unlink(missing_ok=True)
        link.symlink_to(source)
    config = (SOURCE / "prometheus" / CONFIG).read_text()
    (folder / CONFIG).write_text(INTERVALS.sub(rf"\1 {every_seconds}s", config))


def aim(folder: Path, targets: Mapping[str, Sequence[Target]]) -> None:
    """Say what is to be scraped, by job; Prometheus sees the change within seconds."""
    (folder / TARGETS).mkdir(parents=True, exist_ok=True)
    for job, of_job in targets.items():
        groups = [
            {"targets": [each.address], "labels": {"instance": each.instance}} for each in of_job
        ]
        file = folder / TARGETS / f"{job}.json"
        fresh = file.with_suffix(".new")
        fresh.write_text(json.dumps(groups, indent=2) + "\n")
        fresh.replace(file)


def calling(config: str, url: str) -> str:
    """Return Alertmanager's configuration with every receiver called at `url`/<its name>."""
    return RECEIVER.sub(rf"\g<0>\n    webhook_configs: [{{url: '{url}/\1'}}]", config)
