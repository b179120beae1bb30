"""csv.profile: counts the rows of a CSV file and describes every column."""

from pathlib import Path
from typing import Annotated, Final

from pydantic import BaseModel, Field

from services.worker import Fail, job, track
from services.worker.jobs.settings import JobSettings
from services.worker.jobs.tables.columns import Column
from services.worker.jobs.tables.rows import CsvRows, NotATable

MOST_COLUMNS: Final = 2_000  # described; the rest is only counted
_LONGEST_NAME: Final = 100  # characters
_ROOM: Final = 200 * 2**10  # bytes of JSON for the columns; a result may have 256 KiB
_TEXTS_KEPT: Final = 200_000  # in all columns together: about 40 MB
_FEWEST_KEPT: Final = 100
_MOST_KEPT: Final = 10_000

Delimiter = Annotated[str, Field(min_length=1, max_length=1, pattern=r'^[^"\r\n]$')]


class ColumnProfile(BaseModel):
    """One column. `min`, `max` and `mean` are of its values without the nulls ("" and "NA")."""

    name: str
    type: str
    count: int
    nulls: int
    distinct: int
    distinct_is_exact: bool
    min: int | float | str | None
    max: int | float | str | None
    mean: float | None


class UnparsableRow(BaseModel):
    """A row that does not fit the header; lines count from 1."""

    line: int
    reason: str


class Profile(BaseModel):
    """What a CSV file holds; `columns` is cut short when there are too many to tell."""

    source: str
    size_bytes: int
    rows: int
    column_count: int
    columns: list[ColumnProfile]
    unparsable_rows: int
    unparsable_examples: list[UnparsableRow]
    undecodable_bytes: int


@job("csv.profile", retries=5, min_backoff="2s", max_backoff="10m", soft_time_limit="55m")
def profile(source: str, delimiter: Delimiter = ",") -> Profile:
    """Count rows and describe every column of a CSV file."""
    path = locate(source, JobSettings().data_dir)
    try:
        rows = CsvRows(path, delimiter)
        columns: list[Column] = []
        for batch in track(rows, "reading"):
            columns = columns or _columns_for(len(rows.header))
            # zip is lazy: columns beyond the last one described are dropped here
            for column, cells in zip(columns, zip(*batch, strict=True), strict=False):
                column.add(cells)
    except NotATable as fault:
        text = f"{source}: {fault}."
        raise Fail(text, code="not_a_table") from None
    except PermissionError:
        text = f"{source} cannot be read: the worker has no right to."
        raise Fail(text, code="unreadable") from None
    columns = columns or _columns_for(len(rows.header))
    return _describe(source, rows, columns)


def locate(source: str, folder: Path) -> Path:
    """Return the file that `source` names inside `folder`.

    Raises:
        Fail: there is no such file, or it lies outside, whatever way the name takes.
    """
    if not source or "\0" in source:
        text = "The source is not the name of a file."
        raise Fail(text, code="no_such_file")
    root = folder.resolve()
    try:
        path = (root / source).resolve()
        is_file = path.is_file()
    except (OSError, RuntimeError):  # a name too long, a loop of links
        path, is_file = root, False
    if not path.is_relative_to(root):
        text = f"{source} is outside the data folder; only files inside it can be read."
        raise Fail(text, code="outside_data_folder")
    if not is_file:
        text = f"There is no file {source} in the data folder."
        raise Fail(text, code="no_such_file")
    return path


def _columns_for(width: int) -> list[Column]:
    described = min(width, MOST_COLUMNS)
    kept = _TEXTS_KEPT // max(described, 1)
    return [Column(min(max(kept, _FEWEST_KEPT), _MOST_KEPT)) for _ in range(described)]


def _describe(source: str, rows: CsvRows, columns: list[Column]) -> Profile:
    told: list[ColumnProfile] = []
    room = _ROOM
    for name, column in zip(rows.header, columns, strict=False):
        column.close()
        described = _describe_column(name, column)
        room -= len(described.model_dump_json().encode()) + 1
        if room < 0:
            break
        told.append(described)
    return Profile(
        source=source,
        size_bytes=rows.size,
        rows=rows.rows,
        column_count=len(rows.header),
        columns=told,
        unparsable_rows=rows.bad_rows,
        unparsable_examples=[
            UnparsableRow(line=bad.line, reason=bad.reason) for bad in rows.examples
        ],
        undecodable_bytes=rows.undecodable_bytes,
    )


def _describe_column(name: str, column: Column) -> ColumnProfile:
    least, greatest = column.bounds
    return ColumnProfile(
        name=name[:_LONGEST_NAME],
        type=column.kind,
        count=column.cells - column.nulls,
        nulls=column.nulls,
        distinct=column.distinct,
        distinct_is_exact=column.sketch is None,
        min=least,
        max=greatest,
        mean=column.mean,
    )
