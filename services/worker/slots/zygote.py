"""The zygote: the process that has imported the job modules and forks the slots; it runs none.

`python -m services.worker.slots.zygote`, started by `client.ZygoteSlots` and by nobody else. Since
everything is imported here, a fork is all that a new slot costs.
"""

import argparse
import faulthandler
import gc
import os
import signal
import socket
import sys

from services.worker.slots.interrupts import SIGNAL
from services.worker.slots.leases import LeaseTable, patience
from services.worker.slots.linux import adopt_orphans, die_with_parent
from services.worker.slots.loading import JobModulesError, load
from services.worker.slots.nursery import Nursery
from services.worker.slots.wire import Broken, Ready, encode
from shared.runtime import logs


def main() -> int:
    """Run the zygote; its arguments are `client`'s."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--control", type=int, required=True)
    parser.add_argument("--leases", type=int, required=True)
    parser.add_argument("--lease", type=float, required=True)
    parser.add_argument("--log-level", required=True)
    parser.add_argument("modules", nargs="*")
    options = parser.parse_args()
    control = socket.socket(fileno=options.control)
    os.set_inheritable(options.control, False)  # noqa: FBT003 - its only parameter
    os.set_inheritable(options.leases, False)  # noqa: FBT003
    # Ctrl-C and a supervisor's SIGTERM are for the worker: when it hangs up, this ends.
    for number in (signal.SIGINT, signal.SIGTERM, SIGNAL):
        signal.signal(number, signal.SIG_IGN)
    faulthandler.enable()
    adopt_orphans()
    logs.configure("worker", options.log_level)
    die_with_parent(signal.SIGKILL)  # an import may hang, and nobody listens to the worker yet
    try:
        catalogue = load(options.modules)
    except JobModulesError as fault:
        control.sendall(encode(Broken(str(fault))))
        return 1
    die_with_parent(0)
    leases = LeaseTable(options.leases)
    os.close(options.leases)
    gc.collect()
    gc.freeze()  # what is here now is never collected, so a child never copies its pages for that
    Nursery(control, leases, patience(options.lease)).run(Ready(catalogue))
    return 0


if __name__ == "__main__":
    sys.exit(main())
