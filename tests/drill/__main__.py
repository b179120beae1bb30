"""`python -m tests.drill`: plant each cause in a house of its own, and see who is called.

Real rules, a real Prometheus and Alertmanager, real times. Exit status 1 when the right alert did
not come in its time, when anybody was called by anything else, or when a drill whose alert was
taken away did not notice. All houses run beside each other: about 15 minutes.
"""

import argparse
import shutil
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.undertaker import watch_over
from tests.drill.causes import CAUSES, HEALTHY, TAMPERED, Cause, Tampered
from tests.drill.pager import TICKETS, Call
from tests.drill.site import Site
from tests.drill.verdict import flaws

WARM_SECONDS = 90.0  # a few scrapes of a healthy house
POLL_SECONDS = 0.5
AT_ONCE = 11

one_after_the_other = threading.Lock()  # two cores: houses do not start at once


@dataclass
class Report:
    """What became of one drill; `took`: seconds from the cause to each expected alert."""

    name: str
    flaws: list[str] = field(default_factory=list)
    took: dict[str, float] = field(default_factory=dict)
    beside: list[str] = field(default_factory=list)
    said: str = "silent"  # where nothing was to come


def drill(cause: Cause, root: Path, tamper: Callable[[Site], None] | None = None) -> Report:
    """Plant one cause and watch; `tamper` is done to what watches, before."""
    site = Site(root)
    try:
        with one_after_the_other:
            site.start()
            cause.prepare(site)
            if tamper is not None:
                tamper(site)
        time.sleep(WARM_SECONDS)
        planted = time.monotonic()
        cause.plant(site)
        _await(cause, site, planted)
        time.sleep(cause.stays)
        held_back = _held_back(cause, site)
        cause.heal(site)
        time.sleep(cause.aftermath)
        return _report(cause, site.pager.calls, planted, held_back)
    finally:
        site.end()


def blindfolded(control: Tampered, root: Path) -> Report:
    """Run a drill in which the judge must find fault; that it does not is the flaw."""
    judged = drill(control.cause, root, control.tamper)
    found = [flaw for flaw in judged.flaws if flaw.startswith(control.finds)]
    unseen = [f"nothing was found that begins with {control.finds!r}: {judged.flaws}"]
    said = f"{len(found)} flaws found, as there must be"
    return Report(control.name, flaws=[] if found else unseen, said=said)


def _await(cause: Cause, site: Site, planted: float) -> None:
    """Wait until every expected alert has come, or its time is over."""
    patience = max((each.within for each in cause.expected), default=0.0) + 60
    while time.monotonic() < planted + patience:
        calls = site.pager.calls
        if all(any(each.is_met_by(call) for call in calls) for each in cause.expected):
            return
        time.sleep(POLL_SECONDS)


def _held_back(cause: Cause, site: Site) -> list[str]:
    if not cause.consequences:
        return []
    firing = f'ALERTS{{alertstate="firing", severity="page", alertname=~"{cause.consequences}"}}'
    return sorted({each["metric"]["alertname"] for each in site.ask(firing)})


def _report(
    cause: Cause, calls: Sequence[Call], planted: float, held_back: Sequence[str]
) -> Report:
    found = flaws(cause.expected, calls, planted=planted, tickets_allowed=cause.tickets_allowed)
    if cause.consequences and not held_back:
        found.append(f"nothing had to be held back: none of {cause.consequences} fired")
    report = Report(cause.name, found)
    for each in cause.expected:
        for call in calls:
            if each.is_met_by(call):
                report.took.setdefault(each.alert, call.at - planted)
    report.beside = sorted({c.alert for c in calls if c.receiver == TICKETS} - set(report.took))
    report.beside += [f"{name} (held back)" for name in held_back]
    return report


def show(report: Report) -> None:
    """Print one line, and one for each flaw."""
    took = ", ".join(f"{name} after {seconds:.0f} s" for name, seconds in report.took.items())
    beside = f"; beside it {', '.join(report.beside)}" if report.beside else ""
    print(f"{'FAILED' if report.flaws else 'ok':<7} {report.name}: {took or report.said}{beside}")
    for flaw in report.flaws:
        print(f"        {flaw}")
    sys.stdout.flush()


def main() -> int:
    """Run the drills and say whether all went as they must."""
    parser = argparse.ArgumentParser(prog="drill", description=__doc__)
    parser.add_argument("--only", default="", help="a part of the name")
    only = parser.parse_args().only
    folder = Path(tempfile.mkdtemp(prefix="waymark-drill-"))
    undertaker = watch_over(folder)
    try:
        return 0 if _run_all(folder, only) else 1
    finally:
        if undertaker.stdin is not None:
            undertaker.stdin.close()
        undertaker.wait(timeout=30)
        shutil.rmtree(folder, ignore_errors=True)


def _run_all(folder: Path, only: str) -> bool:
    with ThreadPoolExecutor(AT_ONCE) as pool:
        running = [
            pool.submit(drill, cause, folder / str(number))
            for number, cause in enumerate((*CAUSES, HEALTHY))
            if only in cause.name
        ]
        running += [
            pool.submit(blindfolded, control, folder / f"control-{number}")
            for number, control in enumerate(TAMPERED)
            if only in control.name
        ]
        reports = []
        for each in as_completed(running):
            reports.append(each.result())
            show(reports[-1])
    return bool(reports) and not any(report.flaws for report in reports)


if __name__ == "__main__":
    sys.exit(main())
