"""What a person opens to see the house."""

import shutil
from urllib.error import HTTPError
from urllib.request import urlopen

from deploy.local.lookout.folder import SOURCE
from deploy.local.lookout.lookout import Lookout

GRAFANA = ("grafana", "grafana-server")
PAGE_SECONDS = 2.0


def what_to_open(lookout: Lookout) -> str:
    """Return the addresses, and how Grafana gets its dashboards where it is installed."""
    return "\n".join(
        (
            "",
            f"{page(lookout.url, 'alerts')}    what is wrong now, by Prometheus",
            f"{page(lookout.url, 'targets')}    what is looked at",
            f"amtool alert query --alertmanager.url {lookout.alertmanager_url}    whom that wakes",
            *_not_watched(lookout),
            *_grafana(lookout),
        )
    )


def page(url: str, name: str) -> str:
    """Return the address of a page of Prometheus; Debian's has the older pages alone."""
    try:
        with urlopen(f"{url}/{name}", timeout=PAGE_SECONDS):  # noqa: S310 - our own
            return f"{url}/{name}"
    except HTTPError:
        return f"{url}/classic/{name}"
    except OSError:
        return f"{url}/{name}"


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
