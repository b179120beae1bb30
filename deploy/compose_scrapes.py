"""prometheus.yml for compose, where each service is a name with one address for each container.

Made of the one that every house uses: files of targets become names that Docker's DNS answers.
"""

import re
from pathlib import Path
from typing import Final

ONE_SOURCE: Final = Path(__file__).parent / "observability" / "prometheus" / "prometheus.yml"
WRITTEN: Final = ONE_SOURCE.with_name("compose.yml")

# By the name of their files of targets; ports as the images have them.
TARGETS: Final = {
    "waymark-gateway": ("gateway", 8000),
    "waymark-worker": ("worker", 8002),
    "waymark-notifier": ("notifier", 8001),
    "rabbitmq": ("rabbitmq", 15692),
    "rabbitmq-queues": ("rabbitmq", 15692),
    "redis": ("redis-exporter", 9121),
    "alertmanager": ("alertmanager", 9093),
}
_FILES: Final = re.compile(
    r"^(?P<lead> *(?:- )?)file_sd_configs:\n"
    r"(?P<indent> *)- files: \[targets/(?P<name>[\w-]+)\.json\]$",
    re.MULTILINE,
)
_HEAD: Final = "# Made of prometheus.yml by `python -m docs.generate`; do not edit.\n\n"


def rendered() -> str:
    """Return the file.

    Raises:
        KeyError: prometheus.yml scrapes something whose name in compose nobody has said.
    """
    source = ONE_SOURCE.read_text()
    _, _, rules = source.partition("\n\n")  # what the head says is about files
    return _HEAD + _FILES.sub(_by_name, rules)


def _by_name(found: re.Match[str]) -> str:
    service, port = TARGETS[found["name"]]
    indent = found["indent"]
    lines = [f"- names: [{service}]", "  type: A", f"  port: {port}", "  refresh_interval: 10s"]
    return "\n".join([f"{found['lead']}dns_sd_configs:", *(indent + line for line in lines)])
