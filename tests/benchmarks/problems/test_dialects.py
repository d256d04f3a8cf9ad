"""Tables in any layout are read to the numbers that were written, and the layout is said."""

from __future__ import annotations

import io
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from benchmarks.errors import UserError
from benchmarks.printable import line
from benchmarks.problems.workloads import select
from tests.benchmarks.problems.tables import A, B, Y, assert_fits, read, write

ROWS = [["a", "b", "y"], *([f"{a}", f"{b:g}", f"{y}"] for a, b, y in zip(A, B, Y, strict=True))]
COMMAS = [[cell.replace(".", ",") for cell in row] for row in ROWS]


@pytest.mark.parametrize("name", ["t.csv", "t.tsv", "t.txt", "t.data", "t.dat", "t"])
@pytest.mark.parametrize(
    ("delimiter", "called"),
    [(",", "commas"), (";", "semicolons"), ("\t", "tabs"), ("|", "bars"), (" ", "blanks")],
)
def test_what_separates_columns(tmp_path: Path, name: str, delimiter: str, called: str) -> None:
    found = read(write(tmp_path / name, ROWS, delimiter=delimiter))
    assert_fits(found, [A, B])
    assert f"; separated by {called}, UTF-8; " in found.description


@pytest.mark.parametrize("delimiter", [";", "\t", "|", ","])
@pytest.mark.parametrize("ending", ["\n", "\r\n", "\r"])
def test_decimal_commas(tmp_path: Path, delimiter: str, ending: str) -> None:
    found = read(write(tmp_path / "t.csv", COMMAS, delimiter=delimiter, lineterminator=ending))
    assert_fits(found, [A, B])
    assert "; decimal commas; " in found.description


@pytest.mark.parametrize(
    ("encoding", "said"),
    [
        ("cp1252", "cp1252, as it is not UTF-8"),
        ("utf-8-sig", "UTF-8"),
        ("utf-16", "UTF-16"),
        ("utf-16-le", "UTF-16-LE"),
        ("utf-16-be", "UTF-16-BE"),
        ("utf-32", "UTF-32"),
    ],
)
@pytest.mark.parametrize("letters", ["Größe (m²)", "prix € à payer", "año ‰"])
def test_encodings(tmp_path: Path, encoding: str, said: str, letters: str) -> None:
    rows = [[letters, "b", "y"], *ROWS[1:]]
    found = read(write(tmp_path / "t.csv", rows, encoding, delimiter=";"))
    assert_fits(found, [A, B])
    assert found.make(0).names == (letters, "b")
    assert f"separated by semicolons, {said};" in found.description


def test_an_encoding_that_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", [["длина", "b", "y"], *ROWS[1:]], "koi8-r")
    found = read(path, encoding="koi8-r")
    assert found.make(0).names == ("длина", "b")
    assert "koi8-r" in found.description
    with pytest.raises(UserError, match=r"cannot be decoded: .*; say its encoding with --encoding"):
        read(path, encoding="ascii")


def test_blanks_and_tabs_of_any_number_separate_columns(tmp_path: Path) -> None:
    path = tmp_path / "auto.data"
    lines = [f'  {y}\t{a}    {b:g} "two words"  ' for a, b, y in zip(A, B, Y, strict=True)]
    path.write_text("\n".join(lines))
    found = read(path, "column 1")
    assert_fits(found, [A, B])
    assert "separated by blanks, UTF-8, no header line" in found.description
    assert "'column 4' (text: 'two words' in row 1)" in found.description


def test_what_excel_writes_above_a_table(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", COMMAS, delimiter="|")
    path.write_text("sep=|\n" + path.read_text())
    assert_fits(read(path), [A, B])


def test_a_delimiter_that_is_asked_for(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", ROWS, delimiter="~")
    with pytest.raises(UserError, match="only one column was found; is there another --delimiter"):
        read(path)
    assert_fits(read(path, delimiter="~"), [A, B])
    tabs = write(tmp_path / "t.csv", ROWS, delimiter="\t")
    for name in ("tab", "\t", "\\t"):
        assert_fits(found := read(tabs, delimiter=name), [A, B])
        assert found.file is not None
        assert found.file.reading.delimiter == "tab"  # as a run file keeps it
    for wrong in ("::", "é", '"', "\x01", "\n"):
        with pytest.raises(UserError, match="needs one ASCII character such as ';'") as caught:
            read(tabs, delimiter=wrong)
        assert line(caught.value) == str(caught.value)


@pytest.mark.parametrize(
    ("first", "target"),
    [
        (["2019", "2020", "2021"], "2021"),  # years are names if one is asked for
        (["a", "2", "y"], "y"),
        (["NA", "b", "y"], "y"),
    ],
)
def test_a_header_is_known_by_the_target(tmp_path: Path, first: list[str], target: str) -> None:
    found = read(write(tmp_path / "t.csv", [first, *ROWS[1:]]), target)
    assert_fits(found, [A, B])
    assert "no header line" not in found.description


def test_a_table_without_a_header_loses_no_row(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", [[*row, "Rome"] for row in ROWS[1:]])
    found = read(path, "column 3")
    assert_fits(found, [A, B])
    assert "no header line, so columns are called 'column 1' and so on" in found.description
    with pytest.raises(UserError, match=r"needs --target; its columns are 'column 1', .*no header"):
        read(path, None)
    with pytest.raises(UserError, match=r"unknown column 'mpg'; .*'column 3'.*no header line"):
        read(path, "mpg")


def test_a_header_may_be_denied(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", [["1", "2", "y"], *ROWS[1:]])
    with pytest.raises(UserError, match="column 'column 3': 'y' in row 1 is not a number"):
        read(path, "column 3", no_header=True)


def test_names_of_rows_as_r_writes_them_have_no_name(tmp_path: Path) -> None:
    rows = [[f"row {n}", *row] for n, row in enumerate(ROWS)]
    found = read(write(tmp_path / "t.txt", [ROWS[0], *rows[1:]], delimiter=" "))
    assert_fits(found, [A, B])
    assert "'column 1' (an index: it comes first and has no name)" in found.description


def test_blanks_in_cells_separate_no_columns(tmp_path: Path) -> None:
    rows = [[f"row {n}", *row] for n, row in enumerate(ROWS[1:])]
    assert_fits(read(write(tmp_path / "t.tsv", rows, delimiter="\t"), "column 4"), [A, B])


def test_a_delimiter_at_the_end_of_each_row_makes_no_column(tmp_path: Path) -> None:
    for head in (ROWS[0], [*ROWS[0], ""]):
        found = read(write(tmp_path / "t.csv", [head, *([*row, ""] for row in ROWS[1:])]))
        assert_fits(found, [A, B])
        assert "without 'column 4' (empty)" in found.description


@pytest.mark.parametrize("n_rows", [40, 40_000])
def test_newlines_in_quotes_whatever_the_size(tmp_path: Path, n_rows: int) -> None:
    rng = np.random.default_rng(3)
    a = rng.integers(-900, 900, n_rows) / 8
    y = np.round(3 * a + rng.standard_normal(n_rows), 3)
    cells = [["note", "a", "y"]]
    cells += [
        [f"one {n}\ntwo, three", f"{x}", f"{z}"] for n, (x, z) in enumerate(zip(a, y, strict=True))
    ]
    found = read(write(tmp_path / "t.csv", cells))
    np.testing.assert_array_equal(found.make(0).data.X[:, 0], a)
    np.testing.assert_array_equal(found.make(0).data.y, y)


@pytest.mark.parametrize(("late", "right"), [("2.5", True), ("1,234", True), ("n/k", False)])
def test_what_stands_late_counts_as_what_stands_early(
    tmp_path: Path, late: str, right: bool
) -> None:
    n = 60_000
    cells = [["a", "b", "y"], *([str(i % 97), str(i % 10), str(i % 13)] for i in range(n))]
    cells[n - 10][0] = late
    path = write(tmp_path / "t.csv", cells)
    if right:
        X = read(path).make(0).data.X
        assert X[n - 11, 0] == float(late.replace(",", ""))
    else:
        with pytest.raises(UserError, match=f"column 'a': 'n/k' in row {n - 10} is not a number"):
            read(path)


@pytest.mark.slow
def test_as_many_columns_as_there_are_genes(tmp_path: Path) -> None:
    X = np.random.default_rng(1).random((12, 70_000)).round(6)
    cells = [["y", *(f"gene {n}" for n in range(70_000))]]
    cells += [[str(n * n), *map(str, row)] for n, row in enumerate(X.tolist())]
    found = read(write(tmp_path / "t.csv", cells))
    np.testing.assert_array_equal(found.make(0).data.X, X)
    assert "'gene 19' and 69,980 more" in found.description


@pytest.mark.parametrize("above", ["Houses", "# a b y", 'a, "b, c", d, y'])
def test_a_line_above_the_table_is_named(tmp_path: Path, above: str) -> None:
    path = tmp_path / "t.csv"
    path.write_text(f"{above}\n" + "\n".join(", ".join(row) for row in ROWS))
    with pytest.raises(
        UserError, match=r"row 1: 3 cells .*; leave out what stands above the table"
    ):
        read(path)


def test_lines_above_the_table_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", ROWS)
    path.write_text("# Houses\n# 2024\n" + path.read_text())
    with pytest.raises(UserError, match=r"row 2: 3 cells .*; leave out what stands above"):
        read(path)


@pytest.mark.parametrize("delimiter", [",", ";", "|"])
def test_blanks_before_quotes_and_in_empty_lines_say_nothing(
    tmp_path: Path, delimiter: str
) -> None:
    cells = [["note", *ROWS[0]], *([f"of {n}{delimiter} ", *row] for n, row in enumerate(ROWS[1:]))]
    quoted = (f"{delimiter}  ".join(f'"{cell}"' for cell in row) for row in cells)
    (tmp_path / "t.csv").write_text("\n   \n".join(quoted))
    found = read(tmp_path / "t.csv")
    assert_fits(found, [A, B])
    assert found.make(0).names == ("a", "b")


def test_what_old_systems_write_at_the_end_is_no_row(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", ROWS)
    path.write_text(path.read_text() + "\x1a")
    assert_fits(read(path), [A, B])


def test_a_row_with_too_few_cells_is_named(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", [*ROWS, ["1", "2"], ["1"]])
    with pytest.raises(UserError, match="row 9: 2 cells and not 3: '1,2'; correct it, or say"):
        read(path)


TABLE = pa.table({"a": A, "b": B, "y": Y})


@pytest.mark.parametrize(
    ("name", "save", "said"),
    [
        ("t.parquet", parquet.write_table, "Parquet"),
        ("t.pq", parquet.write_table, "Parquet"),
        ("t.feather", feather.write_feather, "Feather"),
        ("t.arrow", lambda t, path: feather.write_feather(t, path, compression="zstd"), "Feather"),
    ],
)
def test_formats_with_types(
    tmp_path: Path, name: str, save: Callable[[Any, Path], None], said: str
) -> None:
    save(TABLE, tmp_path / name)
    assert_fits(found := read(tmp_path / name), [A, B])
    assert f"; {said}; " in found.description
    with pytest.raises(UserError, match=f"--no-header is for tables of text, and {name} is {said}"):
        read(tmp_path / name, no_header=True)


def test_a_folder_of_parquet_files(tmp_path: Path) -> None:
    folder = tmp_path / "tall"
    for number, rows in enumerate((TABLE.slice(0, 3), TABLE.slice(3))):
        part = folder / f"batch={number}" / "part.parquet"
        part.parent.mkdir(parents=True)
        # A file may hold whole numbers where another one has fractions.
        parquet.write_table(
            rows.set_column(
                1, "b", pa.array(rows["b"].to_pylist(), pa.int32()) if number else rows["b"]
            ),
            part,
        )
    (folder / "_SUCCESS").touch()
    found = read(folder, exclude="batch")
    assert_fits(found, [A, B])
    assert "a folder of Parquet files" in found.description
    assert found.name not in [workload.name for workload in select(["*"])]
    assert read(folder, features="a,batch").make(0).data.X[:, 1].tolist() == [0] * 3 + [1] * 5
    parquet.write_table(TABLE.slice(0, 2), folder / "batch=1" / "part.parquet")
    changed = read(folder)
    assert changed.file is not None
    assert found.file is not None
    assert changed.file.sha256 != found.file.sha256


def test_standard_input(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    content = write(tmp_path / "t.csv", COMMAS, "utf-16", delimiter=";").read_bytes()
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(content)))
    found = read(Path("-"))
    assert_fits(found, [A, B])
    assert found.file is not None
    assert (found.name, found.file.path) == ("stdin", "-")
