"""csv.profile: what it tells of a file, and what it makes of files that are none."""

from pathlib import Path

import pytest

from services.worker import Fail
from services.worker.authoring.registry import find_type
from services.worker.authoring.signature import PayloadMismatch, encode_result
from services.worker.jobs.csv_profile import ColumnProfile, Profile, locate, profile
from services.worker.jobs.tables.rows import BATCH_ROWS, CsvRows


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    inside = tmp_path / "data"
    inside.mkdir()
    monkeypatch.setenv("WAYMARK_DATA_DIR", str(inside))
    return inside


def profile_of(folder: Path, content: str | bytes, **options: str) -> Profile:
    data = content if isinstance(content, bytes) else content.encode()
    (folder / "table.csv").write_bytes(data)
    return profile("table.csv", **options)


def column(told: Profile, name: str) -> ColumnProfile:
    return next(each for each in told.columns if each.name == name)


def test_numbers_have_bounds_and_a_mean(folder: Path) -> None:
    told = column(profile_of(folder, "n,x\n1,0.5\n-3,1\n8,\n"), "n")

    assert (told.type, told.count, told.nulls, told.distinct) == ("integer", 3, 0, 3)
    assert (told.min, told.max, told.mean) == (-3, 8, 2.0)


def test_empty_and_na_are_nulls(folder: Path) -> None:
    told = column(profile_of(folder, "x,y\n0.5,\nNA,\n1.5,NA\n"), "x")

    assert (told.type, told.count, told.nulls, told.mean) == ("number", 2, 1, 1.0)


def test_each_kind_of_column_is_told_apart(folder: Path) -> None:
    rows = (
        "integer,number,boolean,date,datetime,text,post code,empty\n"
        "1,1,true,2013-01-01,2013-01-01T05:00:00Z,1,00501,\n"
        "2,2.5e3,FALSE,2013-12-31,2013-01-01 06:00:00,b,10001,NA\n"
    )
    told = profile_of(folder, rows)

    assert {each.name: each.type for each in told.columns} == {
        "integer": "integer",
        "number": "number",
        "boolean": "boolean",
        "date": "date",
        "datetime": "datetime",
        "text": "text",
        "post code": "text",
        "empty": "empty",
    }
    assert (column(told, "date").min, column(told, "date").max) == ("2013-01-01", "2013-12-31")


def test_rows_that_do_not_fit_are_counted_and_shown_with_their_line(folder: Path) -> None:
    told = profile_of(folder, 'a,b\n1,2\n3\n"x\ny",4\n5,6,7\n\n8,9\n')

    assert (told.rows, told.unparsable_rows) == (3, 2)
    assert [(bad.line, bad.reason) for bad in told.unparsable_examples] == [
        (3, "1 fields, 2 expected"),
        (6, "3 fields, 2 expected"),
    ]


def test_only_the_first_bad_rows_are_shown(folder: Path) -> None:
    told = profile_of(folder, "a,b\n" + "1\n" * 50)

    assert (told.unparsable_rows, len(told.unparsable_examples)) == (50, 10)


def test_a_byte_order_mark_is_no_part_of_the_first_name(folder: Path) -> None:
    assert profile_of(folder, b"\xef\xbb\xbfa,b\n1,2\n").columns[0].name == "a"


def test_bytes_that_are_no_utf8_are_counted_and_do_no_harm(folder: Path) -> None:
    told = profile_of(folder, b"a\ncaf\xe9\n\xff\xfe\n" + "é".encode())

    assert (told.rows, told.undecodable_bytes) == (3, 3)


def test_any_delimiter_and_any_line_end_will_do(folder: Path) -> None:
    for end in ("\n", "\r\n", "\r"):
        told = profile_of(folder, end.join(["a;b", "1;2", "3;4"]), delimiter=";")
        assert (told.rows, told.column_count) == (2, 2), repr(end)


def test_more_rows_than_a_batch_are_all_counted(folder: Path) -> None:
    count = BATCH_ROWS * 3 + 7
    told = profile_of(folder, "n\n" + "\n".join(map(str, range(count))))

    assert told.rows == count
    assert told.columns[0].mean == (count - 1) / 2
    assert told.columns[0].max == count - 1


def test_many_different_texts_are_estimated_within_a_few_percent(folder: Path) -> None:
    count = 30_000
    told = profile_of(folder, "key\n" + "\n".join(f"key-{n}" for n in range(count)))

    assert told.columns[0].distinct_is_exact is False
    assert told.columns[0].distinct == pytest.approx(count, rel=0.06)
    assert told == profile("table.csv")


def test_a_line_without_end_is_skipped_and_the_rest_is_read(folder: Path) -> None:
    told = profile_of(folder, b"a,b\n1,2\n" + b"x" * 3_000_000 + b"\n3,4\n5,6\n")

    assert (told.rows, told.unparsable_rows) == (3, 1)
    assert (told.unparsable_examples[0].line, told.columns[0].max) == (3, 5)
    assert "more than" in told.unparsable_examples[0].reason


def test_an_open_quote_does_not_swallow_the_file_silently(folder: Path) -> None:
    told = profile_of(folder, 'a,b\n1,2\n"3,4\n' + "5,6\n" * 60_000)

    assert told.unparsable_rows >= 1
    assert told.rows > 1


def test_a_wide_file_s_profile_stays_under_the_limit_of_a_result(folder: Path) -> None:
    width = 3_000
    header = ",".join(f"a rather long name of a column {n} " + "ä" * 80 for n in range(width))
    row = ",".join("ü" * 200 for _ in range(width))
    told = profile_of(folder, f"{header}\n{row}\n")

    assert told.column_count == width
    assert 0 < len(told.columns) < width
    assert len(encode_result(told).encode()) < 256 * 2**10


def test_reading_is_followed_by_bytes(folder: Path) -> None:
    (folder / "table.csv").write_text("a\n" + "1\n" * BATCH_ROWS * 2)
    rows = CsvRows(folder / "table.csv", ",")
    positions = [rows.position for _ in rows]

    assert positions == sorted(positions)
    assert rows.position == rows.size == (folder / "table.csv").stat().st_size


@pytest.mark.parametrize("content", [b"", b"\n\n", b"\xff\xfea\x00,\x00"])
def test_what_is_no_table_is_a_clear_failure(folder: Path, content: bytes) -> None:
    with pytest.raises(Fail, match=r"^table\.csv: .+\.$") as failed:
        profile_of(folder, content)

    assert failed.value.code == "not_a_table"


def test_a_header_alone_is_a_table_without_rows(folder: Path) -> None:
    told = profile_of(folder, "a,b\n")

    assert (told.rows, [each.type for each in told.columns]) == (0, ["empty", "empty"])


@pytest.mark.parametrize(
    "source", ["../secret.csv", "/etc/passwd", "link.csv", "sub/../../secret.csv"]
)
def test_a_file_outside_the_folder_is_refused_however_it_is_named(
    folder: Path, source: str
) -> None:
    (folder.parent / "secret.csv").write_text("a\n1\n")
    (folder / "link.csv").symlink_to(folder.parent / "secret.csv")
    (folder / "sub").mkdir()
    with pytest.raises(Fail, match="outside the data folder") as failed:
        locate(source, folder)

    assert failed.value.code == "outside_data_folder"


@pytest.mark.parametrize("source", ["missing.csv", "", "a\0b", "x" * 5_000, ".", "loop"])
def test_a_file_that_is_not_there_is_a_clear_failure(folder: Path, source: str) -> None:
    (folder / "loop").symlink_to(folder / "loop")
    with pytest.raises(Fail) as failed:
        locate(source, folder)

    assert failed.value.code == "no_such_file"


def test_an_absolute_path_and_a_link_inside_the_folder_are_fine(folder: Path) -> None:
    (folder / "table.csv").write_text("a\n1\n")
    (folder / "link.csv").symlink_to("table.csv")

    assert profile(str(folder / "table.csv")).rows == profile("link.csv").rows == 1


@pytest.mark.parametrize("delimiter", ["", ",,", "\\n", '\\"'])
def test_a_delimiter_is_one_sensible_character(delimiter: str) -> None:
    declared = find_type("csv.profile")
    assert declared is not None
    with pytest.raises(PayloadMismatch, match="/delimiter"):
        declared.signature.arguments(f'{{"source": "x", "delimiter": "{delimiter}"}}')
