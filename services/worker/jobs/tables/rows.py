"""Reads a CSV file of any size in batches of rows, in bounded memory, and never gives up on it."""

import csv
import io
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Final, NamedTuple

BATCH_ROWS: Final = 4_000
EXAMPLES: Final = 10  # of rows that could not be parsed
_CHUNK: Final = 256 * 2**10  # bytes
_LONGEST_LINE: Final = 2**20  # bytes
_MARKS: Final = (b"\xff\xfe", b"\xfe\xff")
_BOM: Final = b"\xef\xbb\xbf"
_UNDECODABLE: Final = re.compile("[\udc80-\udcff]")  # what surrogateescape leaves


class NotATable(Exception):
    """The file cannot be read as CSV at all; the text says why."""


class BadRow(NamedTuple):
    """A row that could not be parsed."""

    line: int
    reason: str


class CsvRows:
    """Iterate once: yields lists of rows, each row as wide as the header.

    `position` of `size` bytes are read; `track` shows them.
    """

    def __init__(self, path: Path, delimiter: str) -> None:
        """Describe it; nothing is read yet."""
        self.size = path.stat().st_size
        self.position = 0
        self.header: list[str] = []
        self.rows = 0
        self.bad_rows = 0
        self.examples: list[BadRow] = []
        self.undecodable_bytes = 0
        self._path = path
        self._skipped_lines = 0
        self._reader = csv.reader(self._lines(), delimiter=delimiter)

    def __iter__(self) -> Iterator[list[list[str]]]:
        """Yield batches of rows.

        Raises:
            NotATable: there is no header, or the text is not UTF-8 at all.
        """
        self.header = self._read_header()
        width = len(self.header)
        batch: list[list[str]] = []
        while True:
            try:
                for row in self._reader:
                    if len(row) == width:
                        batch.append(row)
                        if len(batch) == BATCH_ROWS:
                            break
                    elif row:  # an empty line is no row
                        self._note(f"{len(row)} fields, {width} expected")
                else:
                    break
            except csv.Error as fault:
                self._note(str(fault))
                continue
            self.rows += len(batch)
            yield batch
            batch = []
        self.rows += len(batch)
        if batch:
            yield batch

    def _read_header(self) -> list[str]:
        try:
            header = next((row for row in self._reader if row), None)
        except csv.Error as fault:
            text = f"the header cannot be parsed: {fault}"
            raise NotATable(text) from None
        if header is None:
            text = "the file is empty: there is no header"
            raise NotATable(text)
        return [name.strip() or f"column {number}" for number, name in enumerate(header, 1)]

    def _note(self, reason: str) -> None:
        self.bad_rows += 1
        if len(self.examples) < EXAMPLES:
            line = self._reader.line_num + self._skipped_lines
            self.examples.append(BadRow(line, reason))

    def _lines(self) -> Iterator[str]:
        # Lines as the csv module wants them: with their ends, and none without bound.
        with self._path.open("rb", buffering=0) as file:
            rest = self._begin(file.read(_CHUNK))
            overlong = False
            while chunk := file.read(_CHUNK):
                self.position += len(chunk)
                block = rest + chunk
                cut = (block.rfind(b"\n") + 1) or (block.rfind(b"\r") + 1)
                if overlong and cut:
                    overlong = False
                    block = block[block.index(block[cut - 1 : cut]) + 1 :]
                    cut = (block.rfind(b"\n") + 1) or (block.rfind(b"\r") + 1)
                if not cut and (overlong or len(block) > _LONGEST_LINE):
                    overlong = overlong or self._skip_line()
                    block = b""
                yield from self._decoded(block[:cut])
                rest = block[cut:]
            if not overlong:
                yield from self._decoded(rest)

    def _begin(self, start: bytes) -> bytes:
        self.position += len(start)
        if start.startswith(_MARKS):
            text = "the file is UTF-16: save it as UTF-8"
            raise NotATable(text)
        return start.removeprefix(_BOM)

    def _skip_line(self) -> bool:
        self._skipped_lines += 1
        self._note(f"a line of more than {_LONGEST_LINE} bytes")
        return True

    def _decoded(self, block: bytes) -> Iterator[str]:
        text = block.decode("utf-8", "surrogateescape")
        if not text.isascii():
            text, undecodable = _UNDECODABLE.subn("\ufffd", text)
            self.undecodable_bytes += undecodable
        return io.StringIO(text, newline="")
