"""The demo: start the house, run one real job with a live progress bar, say what to open next."""

import os
import subprocess
import sys

from deploy.local.dataset import unpack_flights
from deploy.local.errors import HouseError
from deploy.local.house import House
from deploy.local.service import REPO

JOB_SECONDS = 600.0
SUBMIT = ("submit", "csv.profile", "source=flights.csv", "--watch")


def run_demo(house: House) -> None:
    """Do it.

    Raises:
        HouseError: the house did not start, or the job did not succeed.
    """
    print("Fetching the table (once) …", flush=True)
    unpack_flights(house.root)
    print("Starting the house …", flush=True)
    house.start()
    print(f"\n$ waymark {' '.join(SUBMIT)}\n", flush=True)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "clients.cli", *SUBMIT],
            cwd=REPO,
            env=os.environ | house.dev_env,
            timeout=JOB_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        message = f"the demo's job did not end within {JOB_SECONDS:g} s; see {house.root}/logs"
        raise HouseError(message) from error
    if done.returncode != 0:
        message = f"the demo's job did not succeed; see {house.root}/logs"
        raise HouseError(message)
    print(_what_next(house))


def page_of(house: House) -> str:
    """Return the page's address with the tenant's key; a fragment is sent to nobody."""
    return f"{house.url}/#key={house.keys.tenant}"


def _what_next(house: House) -> str:
    return f"""
The house is up.
  {page_of(house)}
                               the page: run jobs and watch them, in a browser
  {house.url}/docs     the API, to try in a browser
  {house.url}/metrics  what Prometheus reads
  . {os.path.relpath(house.root / "dev.env")}   then ./waymark jobs, or curl with $WAYMARK_API_KEY
  make logs    what the services say        make down    stop it
"""
