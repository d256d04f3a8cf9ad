"""Which columns are features, what their cells say, and what is left out and said."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import feather, parquet

from benchmarks.errors import UserError
from benchmarks.printable import line
from tests.benchmarks.problems.tables import A, B, Y, assert_fits, read, rows, write

N = len(Y)


def first(name: str, cells: Sequence[object]) -> list[list[str]]:
    """A table with a further first column."""
    table = rows()
    return [[name, *table[0]], *([str(c), *row] for c, row in zip(cells, table[1:], strict=True))]


@pytest.mark.parametrize(
    ("name", "cells", "why"),
    [
        ("", range(1, N + 1), "'column 1' (an index: it comes first and has no name)"),
        ("", [f"Mazda {n}" for n in range(N)], "'column 1' (an index: it comes first"),
        ("Unnamed: 0", [7, 3, 1, 9, 4, 2, 8, 5], "'Unnamed: 0' (an index: it comes first"),
        ("id", range(1, N + 1), "'id' (an index: it counts the rows from 1; --features keeps it)"),
        ("Nr.", range(N), "'Nr.' (an index: it counts the rows from 0; --features keeps it)"),
    ],
)
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_an_index_is_left_out_and_that_is_said(
    tmp_path: Path, name: str, cells: Sequence[object], why: str, delimiter: str
) -> None:
    found = read(write(tmp_path / "t.csv", first(name, cells), delimiter=delimiter))
    assert_fits(found, [A, B])
    assert f"without {why}" in found.description
    assert found.description.startswith("'y' on 2 features, 'a', 'b'; ")


def test_an_index_that_is_asked_for_is_a_feature(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", first("id", range(1, N + 1)))
    assert_fits(read(path, features="id,a,b"), [range(1, N + 1), A, B])
    path = write(tmp_path / "t.csv", first("", range(1, N + 1)))
    assert_fits(read(path, features="*"), [range(1, N + 1), A, B])


@pytest.mark.parametrize(
    "cells", [[1, 2, 3, 4, 5, 6, 7, 9], [2, 3, 4, 5, 6, 7, 8, 9], [1.5, *B[1:]]]
)
def test_what_does_not_count_all_rows_is_a_feature(tmp_path: Path, cells: list[float]) -> None:
    assert_fits(read(write(tmp_path / "t.csv", first("id", cells))), [cells, A, B])


def test_only_a_first_column_is_an_index_by_its_numbers(tmp_path: Path) -> None:
    ranks = range(1, N + 1)
    cells = [["city", *first("rank", ranks)[0]], *(["Rome", *row] for row in first("", ranks)[1:])]
    assert_fits(read(write(tmp_path / "t.csv", cells)), [ranks, A, B])


def test_a_column_that_counts_stays_if_there_is_no_other(tmp_path: Path) -> None:
    table = [[row[0], row[-1]] for row in first("year", range(1, N + 1))]
    assert_fits(read(write(tmp_path / "t.csv", table)), [range(1, N + 1)])


@pytest.mark.parametrize("name", ["__index_level_0__", "id"])
@pytest.mark.parametrize("save", [parquet.write_table, feather.write_feather])
def test_the_index_of_pandas(
    tmp_path: Path, name: str, save: Callable[[pa.Table, Path], None]
) -> None:
    table = pa.table({"a": A, "b": B, "y": Y, name: [5, 3, 9, 1, 7, 2, 8, 4]})
    stated = {"index_columns": [name, {"kind": "range", "name": None}]}
    save(table.replace_schema_metadata({b"pandas": json.dumps(stated)}), tmp_path / "t")
    found = read(tmp_path / "t")
    assert_fits(found, [A, B])
    assert f"without {name!r} (the index of a pandas table)" in found.description


@pytest.mark.parametrize("metadata", [b"", b"[]", b"{", b'{"index_columns": 3}', b"[" * 10_000])
def test_metadata_that_make_no_sense_say_nothing(tmp_path: Path, metadata: bytes) -> None:
    table = pa.table({"a": A, "b": B, "y": Y}).replace_schema_metadata({b"pandas": metadata})
    parquet.write_table(table, tmp_path / "t.parquet")
    assert_fits(read(tmp_path / "t.parquet"), [A, B])


@pytest.mark.parametrize(
    ("options", "columns"),
    [
        ({"features": "b"}, [B]),
        ({"features": "b,a"}, [A, B]),
        ({"features": "[ab]"}, [A, B]),
        ({"features": "*", "exclude": "a*"}, [B]),
        ({"exclude": "b"}, [A]),
        ({"exclude": " b , y"}, [A]),
    ],
)
def test_columns_are_chosen_by_names_and_globs(
    tmp_path: Path, options: dict[str, str], columns: list[list[float]]
) -> None:
    assert_fits(read(write(tmp_path / "t.csv", rows()), **options), columns)


def test_brackets_in_a_name_are_no_glob(tmp_path: Path) -> None:
    table = [["Länge [mm]", "b", "y"], *rows()[1:]]
    found = read(write(tmp_path / "t.csv", table), features="Länge [mm]")
    assert_fits(found, [A])
    assert "without 'b' (not in --features)" in found.description


def test_a_name_may_be_typed_with_other_accents_than_it_was_written(tmp_path: Path) -> None:
    table = [["largeur e\u0301tage", "b", "prix cafe\u0301"], *rows()[1:]]
    found = read(write(tmp_path / "t.csv", table), "prix caf\u00e9", features="*\u00e9tage")
    assert_fits(found, [A])
    parquet.write_table(pa.table({"a": A, "cafe\u0301": Y}), tmp_path / "t.parquet")
    assert_fits(read(tmp_path / "t.parquet", "caf\u00e9"), [A])


@pytest.mark.parametrize("save", [parquet.write_table, feather.write_feather])
def test_two_columns_of_one_name_are_refused(
    tmp_path: Path, save: Callable[[pa.Table, Path], None]
) -> None:
    save(pa.table([A, B, Y], names=["a", "a", "y"]), tmp_path / "t")
    with pytest.raises(UserError, match="has two columns 'a'; rename one of them"):
        read(tmp_path / "t")


MISSING = ["1", "NA", "3", "4", "5", "6", "7", "8"]


@pytest.mark.parametrize("word", ["", "NA", "N/A", "nan", "NULL", "None", "<NA>"])
def test_missing_values_are_refused_or_their_rows_left_out(tmp_path: Path, word: str) -> None:
    cells = ["1,000", "2", word, "4", "5", word, "7", "8"]
    path = write(tmp_path / "t.csv", rows(cells))
    with pytest.raises(UserError, match=r"'a', row 3: no value; .*--exclude, .*--drop-missing$"):
        read(path)
    found = read(path, drop_missing=True)
    kept = [0, 1, 3, 4, 6, 7]
    assert_fits(found, [[1000, 2, 4, 5, 7, 8], [B[n] for n in kept]], [Y[n] for n in kept])
    assert (
        "2 of 8 rows left out, which lack a value: the first is row 3, in 'a'" in found.description
    )


@pytest.mark.parametrize("typed", [False, True])
def test_what_else_stands_for_no_value(tmp_path: Path, typed: bool) -> None:
    cells = [1.5, 2.0, -999.0, 4.0, 5.0, 6.0, 7.0, 8.0]
    path = tmp_path / "t"
    if typed:
        b = pa.array([*B[:-1], None])
        parquet.write_table(pa.table({"a": cells, "b": b, "y": Y}), path)
    else:
        write(path, rows(cells, [*B[:-1], "?"]))
    with pytest.raises(UserError, match="column 'a', row 3: no value"):
        read(path, missing="?,-999")
    found = read(path, missing="?,-999", drop_missing=True)
    kept = [0, 1, 3, 4, 5, 6]
    assert_fits(found, [[cells[n] for n in kept], [B[n] for n in kept]], [Y[n] for n in kept])
    assert "2 of 8 rows left out" in found.description


def test_only_columns_that_are_used_lose_rows(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", rows(MISSING))
    assert_fits(read(path, exclude="a", drop_missing=True), [B])
    path = write(tmp_path / "t.csv", rows([""] * N))
    with pytest.raises(UserError, match="each row lacks a value, most often in 'a'; --exclude it"):
        read(path, drop_missing=True)


@pytest.mark.parametrize(
    ("column", "said"),
    [
        (pa.array(["Rome"] * N).dictionary_encode(), "text: 'Rome' in row 1"),
        (pa.array([0] * N, pa.timestamp("ms")), "no numbers but timestamp[ms]"),
        (pa.array([[1]] * N), "no numbers but list<element: int64>"),
        (pa.array([{"x\n\x1b": 1}] * N), "no numbers but struct<x : int64>"),
        (pa.array([b"x"] * N), "no numbers but binary"),
    ],
)
def test_columns_of_other_types_are_left_out(tmp_path: Path, column: Any, said: str) -> None:
    parquet.write_table(pa.table({"c": column, "a": A, "b": B, "y": Y}), tmp_path / "t.parquet")
    found = read(tmp_path / "t.parquet")
    assert_fits(found, [A, B])
    assert f"without 'c' ({said})" in found.description
    with pytest.raises(UserError, match="column 'c'"):
        read(tmp_path / "t.parquet", features="c")


def test_many_columns_are_told_in_few_words(tmp_path: Path) -> None:
    names = [f"\x1b[31m column {n} " + "x" * 200 for n in range(60)]
    cells = [[*names, "y"], *([*["$1"] * 30, *["Rome"] * 30, str(y)] for y in Y)]
    said = read(write(tmp_path / "t.csv", cells)).description
    assert line(said) == said
    assert len(said) < 5_000
    assert "and 10 more; separated" in said
    assert "(text: 'Rome' in row 1) and 10 more; " in said
    assert "; 10 more columns likewise; " in said


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"features": "heigth"}, "unknown column in --features 'heigth'; there are: 'a', 'b', 'y'"),
        ({"exclude": "bb*"}, r"unknown column in --exclude 'bb\*'; did you mean 'b'"),
        (
            {"exclude": "a,b"},
            r"no column of numbers besides 'y' \(without 'a', 'b' \(--exclude\)\)",
        ),
        ({"encoding": "klingon"}, "--encoding klingon: there is no such encoding; utf-8, latin-1"),
        ({"encoding": "base64"}, "--encoding base64: there is no such encoding"),
    ],
)
def test_options_that_mean_nothing_are_refused(
    tmp_path: Path, options: dict[str, str], message: str
) -> None:
    with pytest.raises(UserError, match=message):
        read(write(tmp_path / "t.csv", rows()), **options)


def test_thousands_of_names_are_not_all_listed(tmp_path: Path) -> None:
    path = write(tmp_path / "t.csv", [[f"x{n}" for n in range(3_000)], ["1"] * 3_000])
    with pytest.raises(UserError, match="unknown column 'target'; there are: 'x0', ") as caught:
        read(path, "target")
    assert len(str(caught.value)) < 1_000
