"""`python -m services.notifier`: the stream, until SIGTERM."""

from services.notifier.protocol import StreamConnection
from services.notifier.settings import NotifierSettings
from services.notifier.wiring import wire
from shared.runtime import logs, serving


def main() -> None:
    """Read the settings, wire, serve."""
    settings = NotifierSettings()
    logs.configure("notifier", settings.log_level)
    serving.serve(
        wire(settings),
        host=settings.host,
        port=settings.notifier_port,
        port_setting="WAYMARK_NOTIFIER_PORT",
        ws=StreamConnection,
    )


if __name__ == "__main__":
    main()
