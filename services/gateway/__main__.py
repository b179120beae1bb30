"""Read the settings, build the gateway, serve it."""

import gc
import sys

from pydantic import ValidationError

from services.gateway.settings import GatewaySettings
from services.gateway.wiring import build
from shared.runtime import logs
from shared.runtime.serving import serve


def main() -> None:
    """Serve until told to stop.

    Raises:
        SystemExit: status 1 or 2, after one line that says which setting is wrong.
    """
    try:
        settings = GatewaySettings()
    except ValidationError as fault:
        for wrong in fault.errors():
            name = "_".join(str(part) for part in wrong["loc"]).upper()
            sys.stderr.write(f"waymark: WAYMARK_{name}: {wrong['msg']}\n")
        sys.exit(2)
    logs.configure("gateway", settings.log_level)
    _collect_garbage_less_often()
    gateway = build(settings)
    serve(
        gateway.app,
        front=gateway.front,
        drain=lambda _in_a_hurry: gateway.let_go(),
        host=settings.host,
        port=settings.gateway_port,
        forwarded_allow_ips=settings.proxies,
        port_setting="WAYMARK_GATEWAY_PORT",
        most_connections=settings.max_connections,
        timeout_keep_alive=settings.keep_alive_seconds,
        ws="none",  # a client that asks for a WebSocket here gets 404 like any other
    )


def _collect_garbage_less_often() -> None:
    # By default the collector looks after every 700th object, which is every second request, and
    # finds nothing: what a request leaves behind is freed by its count. A twentieth of a submit.
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


if __name__ == "__main__":
    main()
