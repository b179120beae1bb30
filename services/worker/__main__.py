"""`python -m services.worker [--queues a,b]`: runs jobs until told to stop."""

import argparse
import sys
from typing import Any

from pydantic import ValidationError

from services.worker.house.shutdown import Shutdown
from services.worker.settings import WorkerSettings
from services.worker.wiring import build, make_slots
from shared.runtime import logs
from shared.runtime.serving import listen


def main() -> int:
    """Return the exit status: 0 after an ordered stop, 1 when the worker could not go on.

    Raises:
        SystemExit: status 1 or 2, after one line that says what is wrong with a setting.
    """
    parser = argparse.ArgumentParser(prog="python -m services.worker", description=__doc__)
    parser.add_argument("--queues", help="serve these alone, separated by commas")
    asked = parser.parse_args()
    settings = _settings(asked.queues)
    logs.configure("worker", settings.log_level)
    listener = listen(settings.host, settings.worker_port, port_setting="WAYMARK_WORKER_PORT")
    slots = make_slots(settings)
    shutdown = Shutdown()
    house = build(settings, slots)
    shutdown.install()
    house.start(listener)
    in_order = house.stay(shutdown)
    house.stop(shutdown, in_order=in_order)
    return 0 if in_order else 1


def _settings(queues: str | None) -> WorkerSettings:
    asked: dict[str, Any] = {"queues": queues} if queues else {}
    try:
        return WorkerSettings(**asked)
    except ValidationError as fault:
        for wrong in fault.errors():
            name = "".join(f"WAYMARK_{part}: ".upper() for part in wrong["loc"])
            sys.stderr.write(f"waymark: {name}{wrong['msg']}\n")
        sys.exit(2)


if __name__ == "__main__":
    sys.exit(main())
