"""What cells of text say, and which of two readings a table has."""

from __future__ import annotations

from pathlib import Path

import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from benchmarks.errors import UserError
from tests.benchmarks.problems.tables import A, B, Y, assert_fits, read, rows, write


@pytest.mark.parametrize(
    ("cells", "values", "said"),
    [
        (["1,234", "5,000", "12", "-1,234,567", "960", "7", "1,000.5", "0"],
         [1234, 5000, 12, -1234567, 960, 7, 1000.5, 0], "'1,234' is 1234"),
        (["$5,000", "$12", "-$3.50", "$-4", "$ 7", "$1,234.75", "$0", "$9"],
         [5000, 12, -3.5, -4, 7, 1234.75, 0, 9], "'$5,000' is 5000"),
        (["5 €", "1,000 €", "7.25€", "−4 €", "8€", "9€", "3€", "2€"],
         [5, 1000, 7.25, -4, 8, 9, 3, 2], "'5 €' is 5"),
        (["USD 5", "USD 1,000", "USD -4", "USD 8", "USD 7", "USD 6", "USD 3", "USD 2"],
         [5, 1000, -4, 8, 7, 6, 3, 2], "'USD 5' is 5"),
        (["R$ 5", "R$ 1,000", "R$7", "R$ 8", "R$ 7", "R$ 6", "R$ 3", "R$ 2"],
         [5, 1000, 7, 8, 7, 6, 3, 2], "'R$ 5' is 5"),
        (["5 kr", "1,000 kr", "7kr", "8 kr", "7 kr", "6 kr", "3 kr", "2 kr"],
         [5, 1000, 7, 8, 7, 6, 3, 2], "'5 kr' is 5"),
        (["12 %", "3%", "4.5 %", "-6%", "7%", "8%", "9%", "0 %"],
         [12, 3, 4.5, -6, 7, 8, 9, 0], "'12 %' is 12"),
        (["1_000", "-290_000", "0", "5", "6", "1_000_000", "2", "3"],
         [1000, -290000, 0, 5, 6, 1e6, 2, 3], "'1_000' is 1000"),
        (["−2.9", "−0.5", "1.2", "2e−3", "＋1"[1:], "3", "4", "5"],
         [-2.9, -0.5, 1.2, 0.002, 1, 3, 4, 5], "'−2.9' is -2.9"),
        (["1 234", "5\u00a0000.5", "1\u202f234\u202f567", "1'234", "1’000", "3", "4", "5"],
         [1234, 5000.5, 1234567, 1234, 1000, 3, 4, 5], "'1 234' is 1234"),
        (["12,34,567", "1,00,000", "1", "2", "3", "5", "4", "9"],
         [1234567, 100000, 1, 2, 3, 5, 4, 9], "'12,34,567' is 1234567"),
        (["１．５", "٣٫٥", "１，０００", "٢٬٠٠٠", "6", "7", "1", "2"],
         [1.5, 3.5, 1000, 2000, 6, 7, 1, 2], "'１．５' is 1.5"),
        (["\u200e1.5", "\u200b2", "\ufeff3\u2069", "-4", "5", "6", "7", "8"],
         [1.5, 2, 3, -4, 5, 6, 7, 8], ""),
        (["１２", "٣", "4", "5", "6", "7", "1", "2"], [12, 3, 4, 5, 6, 7, 1, 2], "'１２' is 12"),
        ([" 1.5", "2 ", "+3", ".5", "5.", "1e3", "1E-2", "-.25"],
         [1.5, 2, 3, 0.5, 5, 1000, 0.01, -0.25], ""),
        (["TRUE", "false", "True", "FALSE", "true", "true", "false", "true"],
         [1, 0, 1, 0, 1, 1, 0, 1], ""),
    ],
)  # fmt: skip
def test_numbers_are_read_however_they_are_written(
    tmp_path: Path, cells: list[str], values: list[float], said: str
) -> None:
    found = read(write(tmp_path / "t.csv", rows(cells)))
    assert_fits(found, [values, B])
    assert (f"; 'a': {said}; " if said else "UTF-8; no truth") in found.description
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"a": cells, "b": B, "y": Y}), path)
    assert_fits(read(path, decimal="."), [values, B])


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        ([*"12", "x5", *"45678"], "'x5' in row 3 is not a number; correct it, or leave out"),
        (["1", "nil", *"345678"], "'nil' in row 2 is not a number; .*--missing nil if it stands"),
        (["1", "\\N", *"345678"], r"'\\\\N' in row 2 is not a number; .*--missing '\\N' if"),
        ([*"1?345678"], r"'\?' in row 2 is not a number; .*--missing '\?'"),
        (["1,23,4", *"2345678"], "'1,23,4' in row 1 is not a number"),
        (["1,234", "12,34", *"345678"], r"has decimal commas \('12,34' in row 2\)"),
        (["5 %", "6", *"345678"], r"'6' in row 2 has not the unit of the others \(%\)"),
        (["$5", "€6", *"345678"], r"'€6' in row 2 has not the unit of the others \(\$\)"),
        (["\u00ad5", *"2345678"], "'5' in row 1 is not a number"),  # may be meant as a minus
        (["--5", *"2345678"], "'--5' in row 1 is not a number"),
        (["0x10", *"2345678"], "'0x10' in row 1 is not a number"),
        (["inf", *"2345678"], "row 1: infinite"),
    ],
)  # fmt: skip
def test_what_has_no_single_reading_is_named_with_its_row(
    tmp_path: Path, cells: list[str], why: str
) -> None:
    with pytest.raises(UserError, match=rf"t.csv.* column 'a'[:,]? {why}"):
        read(write(tmp_path / "t.csv", rows(cells)))


def test_text_is_left_out_with_its_first_cell(tmp_path: Path) -> None:
    cells = ["7", "Rome\x1b[31m", *["Oslo"] * 6]
    found = read(write(tmp_path / "t.csv", rows(cells)))
    assert_fits(found, [B])
    assert "without 'a' (text: 'Rome [31m' in row 2)" in found.description
    with pytest.raises(UserError, match=r"column 'a': 'Rome .* in row 2 is not a number"):
        read(tmp_path / "t.csv", features="a,b")


def test_a_comma_that_may_group_or_not_is_asked_about(tmp_path: Path) -> None:
    cells = ["1,234", "2,345", "4,000", "1,000", "7,125", "3", "4", "5"]
    y = [9, 2, 4, 1, 5, 7, 3, 8]
    table = [["a", "y"], *([x, str(z)] for x, z in zip(cells, y, strict=True))]
    path = write(tmp_path / "t.csv", table, delimiter="\t")
    with pytest.raises(
        UserError, match=r"'1,234' in row 1 can be read in two ways; .* --decimal ,"
    ):
        read(path)
    grouped, fractions = (
        [1234, 2345, 4000, 1000, 7125, 3, 4, 5],
        [1.234, 2.345, 4, 1, 7.125, 3, 4, 5],
    )
    assert_fits(read(path, decimal="."), [grouped], y)
    assert_fits(read(path, decimal=","), [fractions], y)
    # One cell may tell.
    for cell, others in (("0,125", fractions[1:]), ("1,234.5", grouped[1:])):
        table[1][0] = cell
        number = float(cell.replace(",", "." if cell == "0,125" else ""))
        assert_fits(read(write(path, table, delimiter="\t")), [[number, *others]], y)


def test_columns_that_contradict_each_other_are_named(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", rows([str(a).replace(".", ",") for a in A]), delimiter=";")
    message = r"column 'a' has decimal commas \('-2,5' in row 1\) and column .* decimal points"
    with pytest.raises(UserError, match=message):
        read(path)
    with pytest.raises(UserError, match=r"--decimal x: needs \. or ,"):
        read(path, decimal="x")


def test_points_that_group_digits_are_named(tmp_path: Path) -> None:
    grouped = ["1.234", "2.345.678", "960", "5.000", "7", "8", "9", "10"]
    table = [[cell.replace(".", ",") for cell in row] for row in rows()]
    table = [
        ["n", *table[0]],
        *([cell, *row] for cell, row in zip(grouped, table[1:], strict=True)),
    ]
    found = read(write(tmp_path / "t.csv", table, delimiter=";"))
    assert_fits(found, [[1234, 2345678, 960, 5000, 7, 8, 9, 10], A, B])
    assert "; 'n': '1.234' is 1234; " in found.description


def test_points_between_semicolons_may_group_digits(tmp_path: Path) -> None:
    grouped = ["1.234", "2.345.678", "960", "5.000", "7", "8", "9", "10"]
    table = [[row[0], row[2].partition(".")[0]] for row in rows(grouped)]
    found = read(write(tmp_path / "t.csv", table, delimiter=";"))
    assert found.make(0).data.X[:, 0].tolist() == [1234, 2345678, 960, 5000, 7, 8, 9, 10]
    table[2][0] = "2.345"
    with pytest.raises(UserError, match=r"'1.234' in row 1 can be read in two ways"):
        read(write(tmp_path / "t.csv", table, delimiter=";"))


@pytest.mark.parametrize("cell", [f"{2**53 + 1}", "9,007,199,254,740,993"])
def test_whole_numbers_that_are_rounded_are_named(tmp_path: Path, cell: str) -> None:
    said = "'a': whole numbers beyond 2^53 are rounded, such as 9007199254740993 in row 3"
    cells = ["1", "2", cell, "4", "5", "6", "7", "8"]
    assert said in read(write(tmp_path / "t.csv", rows(cells))).description
    numbers = [1, 2, 2**53 + 1, 4, 5, 6, 7, 8]
    for type_ in (pa.int64(), pa.uint64(), pa.decimal128(20)):
        table = pa.table({"a": pa.array(numbers).cast(type_), "b": B, "y": Y})
        parquet.write_table(table, tmp_path / "t.parquet")
        assert said in read(tmp_path / "t.parquet").description
    exact = read(write(tmp_path / "t.csv", rows([2**53 + 2, *range(2, 9)])))
    assert "rounded" not in exact.description


def test_large_text_is_text(tmp_path: Path) -> None:
    table = pa.table({"a": pa.array(map(str, A), pa.large_string()), "b": B, "y": Y})
    feather.write_feather(table, tmp_path / "t.feather")
    assert_fits(read(tmp_path / "t.feather"), [A, B])
    views = table.set_column(0, "a", pa.array(map(str, A), pa.string_view()))
    with (
        pa.OSFile(str(tmp_path / "t.feather"), "wb") as file,
        pa.ipc.new_file(file, views.schema) as out,
    ):
        out.write_table(views)
    assert_fits(read(tmp_path / "t.feather"), [A, B])
