"""`python -m services.notifier`: the stream, until SIGTERM."""

import sys

from pydantic import ValidationError

from services.notifier.protocol import StreamConnection
from services.notifier.settings import NotifierSettings
from services.notifier.wiring import wire
from shared.runtime import logs, serving


def main() -> None:
    """Read the settings, wire, serve.

    Raises:
        SystemExit: status 1 or 2, after one line that says which setting is wrong.
    """
    try:
        settings = NotifierSettings()
    except ValidationError as fault:
        for wrong in fault.errors():
            name = "".join(f"WAYMARK_{part}: ".upper() for part in wrong["loc"])
            sys.stderr.write(f"waymark: {name}{wrong['msg']}\n")
        sys.exit(2)
    logs.configure("notifier", settings.log_level)
    notifier = wire(settings)
    serving.serve(
        notifier.app,
        drain=notifier.drain,
        host=settings.host,
        port=settings.notifier_port,
        port_setting="WAYMARK_NOTIFIER_PORT",
        ws=StreamConnection,
        proxy_headers=False,  # the door reads them, for every kind of stream
    )


if __name__ == "__main__":
    main()
