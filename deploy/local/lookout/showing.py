"""What a person opens to see the house."""

import shutil

from deploy.local.lookout.folder import SOURCE
from deploy.local.lookout.lookout import Lookout

GRAFANA = ("grafana", "grafana-server")


def what_to_open(lookout: Lookout) -> str:
    """Return the addresses, and how Grafana gets its dashboards where it is installed."""
    return "\n".join(
        (
            "",
            f"{lookout.url}/alerts    what is wrong now, by Prometheus",
            f"{lookout.url}/targets    what is looked at",
            f"{lookout.alertmanager_url}    whom that would wake, by Alertmanager",
            *_not_watched(lookout),
            *_grafana(lookout),
        )
    )


def _not_watched(lookout: Lookout) -> list[str]:
    if lookout.targets["rabbitmq"]:
        return []
    return [
        "",
        "RabbitMQ is not watched: it is no process of this house, its metrics may be anywhere",
    ]


def _grafana(lookout: Lookout) -> list[str]:
    if not any(map(shutil.which, GRAFANA)):
        return []
    return [
        "",
        "Grafana is installed; it has the dashboards when it is started with",
        f"  GF_PATHS_PROVISIONING={SOURCE / 'grafana' / 'provisioning'} \\",
        f"  WAYMARK_DASHBOARDS={SOURCE / 'dashboards'} \\",
        f"  WAYMARK_PROMETHEUS_URL={lookout.url}",
    ]
