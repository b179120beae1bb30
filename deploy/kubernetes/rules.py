"""Prometheus' rules as the objects that its operator reads. Text to text: comments stay."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Final

_HERE: Final = Path(__file__).parent
MONITORING: Final = _HERE / "components" / "monitoring"
SOURCES: Final = _HERE.parent / "observability" / "prometheus"
_GROUPS: Final = "groups:"
_HEAD: Final = """\
# Made by `python -m deploy.kubernetes` from deploy/observability/prometheus/{folder}; do not edit.
apiVersion: monitoring.coreos.com/v1
kind: PrometheusRule
metadata:
  name: waymark-{folder}
  labels:
    app.kubernetes.io/part-of: waymark
spec:
  groups:
"""


class UnreadableRulesError(ValueError):
    """A file of rules does not look as all of ours do."""


def documents() -> Mapping[Path, str]:
    """Return what each generated file has to hold.

    Raises:
        UnreadableRulesError: a file is not comments, `groups:` and its indented list.
    """
    return {
        MONITORING / f"{folder}.yaml": as_object(folder, sorted((SOURCES / folder).glob("*.yml")))
        for folder in ("rules", "alerts")
    }


def as_object(folder: str, files: Iterable[Path]) -> str:
    """Return one PrometheusRule with the groups of all files, in their order.

    Raises:
        UnreadableRulesError: as above.
    """
    groups = "".join(_groups(file) for file in files)
    return _HEAD.format(folder=folder) + groups


def _groups(file: Path) -> str:
    above, found, below = file.read_text().partition(f"{_GROUPS}\n")
    comments = above.splitlines()
    wrong = [line for line in comments if line and not line.startswith("#")]
    loose = [line for line in below.splitlines() if line and not line.startswith("  ")]
    if not found or wrong or loose:
        raise UnreadableRulesError(f"{file}: not comments, groups: and an indented list")
    lines = [f"  {line}" for line in comments] + below.rstrip("\n").splitlines()
    return "".join(f"  {line}".rstrip() + "\n" for line in lines)
