"""A job type whose queue is not everybody's: `WAYMARK_JOBS=tests.faults.routed_jobs`."""

import os

from services.worker import job


@job("routed.report", queue="reports")
def report() -> int:
    """Tell which worker ran it: the parent of the parent of this process."""
    with open(f"/proc/{os.getppid()}/stat", encoding="ascii") as stat:  # noqa: PTH123
        return int(stat.read().rpartition(")")[2].split()[1])


@job("routed.anywhere")
def anywhere() -> int:
    """Do the same in the queue of everybody."""
    return report()
