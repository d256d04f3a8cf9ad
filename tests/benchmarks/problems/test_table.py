"""The user's own data get the right answer, or one clear line if there is none."""

from __future__ import annotations

import hashlib
import sys
from decimal import Decimal
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest
from pyarrow import parquet

from backends.base import Fit
from benchmarks.errors import UserError
from benchmarks.gate import gate, reference
from benchmarks.problems import certified
from benchmarks.problems.table import table
from benchmarks.problems.workloads import Workload
from tests.exact import shortest

ROWS = "1,2,3\n4,5,7\n2,2,2\n8,1,1\n"


def csv(folder: Path, content: str | bytes, name: str = "t.csv") -> Path:
    path = folder / name
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    return path


def answer(workload: Workload) -> np.ndarray:
    """The reference solution, which passes the gate, while a fit beside it fails."""
    ref = reference.prepare(workload, workload.make(0))
    b = ref.solution.coefficients
    assert gate.judge(Fit(b[:-1], float(b[-1])), ref, "orthogonal").passed
    assert not gate.judge(Fit(b[:-1], float(b[-1]) + 1e-3), ref, "orthogonal").passed
    return b


def test_a_table_is_fitted_by_all_other_columns(tmp_path: Path) -> None:
    workload = table.workload(csv(tmp_path, "a,b,y\n" + ROWS), "y")
    found = workload.make(0)
    np.testing.assert_array_equal(found.data.X, [[1, 2], [4, 5], [2, 2], [8, 1]])
    np.testing.assert_array_equal(found.data.y, [3, 7, 2, 1])
    assert found.data.X.dtype == found.data.y.dtype == np.float64
    assert (found.weight, found.bias, found.sigma) == (None, None, None)
    assert (workload.recipe.n_samples, workload.recipe.n_features) == (4, 2)
    assert workload.recipe.n_test == len(found.data.y_test) == 0
    assert workload.group == "data"
    np.testing.assert_allclose(answer(workload), shortest(found.data.X, found.data.y), rtol=1e-12)


def test_without_a_truth_there_is_no_statistical_check_and_that_is_said(tmp_path: Path) -> None:
    workload = table.workload(csv(tmp_path, "a,b,y\n" + ROWS), "y")
    ref = reference.prepare(workload, workload.make(0))
    verdict = gate.judge(Fit(np.zeros(2), 0.0), ref, "orthogonal")
    assert "coefficients against the truth" not in {check.name for check in verdict.checks}
    assert "no truth is known" in workload.description


def test_the_target_may_stand_anywhere_and_names_may_be_anything(tmp_path: Path) -> None:
    path = csv(tmp_path, 'a,Größe y,"=cmd()","",b c\n1,9,3,7,0\n2,8,1,1,5\n4,4,4,0,1\n')
    found = table.workload(path, "Größe y").make(0).data
    np.testing.assert_array_equal(found.y, [9, 8, 4])
    np.testing.assert_array_equal(found.X, [[1, 3, 7, 0], [2, 1, 1, 5], [4, 4, 0, 1]])


@pytest.mark.parametrize(("rows", "threads"), [(100, 1), (6000, None)])
def test_a_small_table_is_fitted_on_one_thread(
    tmp_path: Path, rows: int, threads: int | None
) -> None:
    path = csv(tmp_path, "a,b,y\n" + "1,2,3\n" * rows)
    assert table.workload(path, "y").threads == threads


def test_names_of_columns_become_printable(tmp_path: Path) -> None:
    path = csv(tmp_path, 'a,"\x1b[31mred\u202e","two\nlines"\n1,x,3\n2,y,5\n', "t\x1b.csv")
    for target in ("two lines", "two\nlines"):
        workload = table.workload(path, target)
        assert workload.file is not None
        assert (workload.name, workload.file.target) == ("t .csv", "two lines")
        assert workload.description.startswith("'two lines' on 1 feature, 'a'; ")
        assert "without '[31mred' (text: 'x' in row 1)" in workload.description


def test_booleans_and_a_byte_order_mark_are_read(tmp_path: Path) -> None:
    content = "\ufeffa,b,y\n1,true,3\n2,false,5\n3,true,6\n"
    found = table.workload(csv(tmp_path, content), "a").make(0).data
    np.testing.assert_array_equal(found.X, [[1, 3], [0, 5], [1, 6]])


def test_text_is_left_out_and_that_is_said(tmp_path: Path) -> None:
    content = "a,city,day,y\n1,Rome,2024-01-02,3\n4,Oslo,2024-01-03,7\n5,,2024-01-04,2\n"
    workload = table.workload(csv(tmp_path, content), "y")
    assert workload.recipe.n_features == 1
    texts = "'city' (text: 'Rome' in row 1), 'day' (text: '2024-01-02' in row 1)"
    assert f"without {texts}; " in workload.description


@pytest.mark.parametrize(
    ("content", "rank"),
    [
        ("a,b,y\n1,3,3\n2,3,5\n3,3,6\n7,3,1\n", 1),  # constant
        ("a,b,y\n1,1,3\n2,2,5\n3,3,6\n7,7,1\n", 1),  # twice
        ("a,b,c,y\n1,3,3,1\n2,3,5,4\n", 1),  # more features than rows
        ("a,b,y\n1,2,3\n", 0),  # one row
        ("a,b,y\n1,2,0\n2,5,0\n7,7,0\n5,4,0\n", 2),  # targets of 0
        ("a,b,y\n1,2,4\n2,5,4\n7,7,4\n5,4,4\n", 2),  # the same targets
    ],
)
def test_odd_tables_have_a_right_answer(tmp_path: Path, content: str, rank: int) -> None:
    workload = table.workload(csv(tmp_path, content), "y")
    found = workload.make(0).data
    np.testing.assert_allclose(answer(workload), shortest(found.X, found.y), atol=1e-14)
    assert reference.prepare(workload, workload.make(0)).solution.ranks == (rank, rank)


@pytest.mark.parametrize(
    ("types", "dtype"),
    [
        ((pa.float32(), pa.float32()), "float32"),
        ((pa.float32(), pa.float64()), "float64"),
        ((pa.int64(), pa.float32()), "float64"),
        ((pa.uint8(), pa.int16()), "float64"),
        ((pa.decimal128(10, 2), pa.float64()), "float64"),
        ((pa.float16(), pa.bool_()), "float64"),
    ],
)
def test_types_of_a_parquet_file(
    tmp_path: Path, types: tuple[pa.DataType, pa.DataType], dtype: str
) -> None:
    def array(type_: pa.DataType) -> pa.Array:
        kinds: dict[Any, Any] = {pa.decimal128(10, 2): Decimal, pa.float16(): np.float16}
        values = [kinds.get(type_, int)(value) for value in (1, 0, 1)]
        return pa.array([bool(v) for v in values] if type_ == pa.bool_() else values, type_)

    path = tmp_path / "t.parquet"
    parquet.write_table(
        pa.table([*map(array, types), array(types[0])], names=["a", "b", "y"]), path
    )
    workload = table.workload(path, "y")
    found = workload.make(0).data
    assert (workload.recipe.dtype, found.X.dtype, found.y.dtype) == (dtype, dtype, dtype)
    np.testing.assert_array_equal(found.X, [[1, 1], [0, 0], [1, 1]])


def test_whole_numbers_beyond_float64_are_rounded(tmp_path: Path) -> None:
    found = table.workload(csv(tmp_path, f"a,y\n{2**53 + 1},1\n1,2\n"), "y").make(0).data
    assert found.X[0, 0] == 2.0**53


@pytest.mark.parametrize(
    ("content", "target", "message"),
    [
        ("", "y", "t.csv is empty"),
        ("a,b,y\n", "y", "t.csv has no rows"),
        ("a,b,y\n" + ROWS, None, "needs --target; its columns are 'a', 'b', 'y'"),
        ("a,height,y\n" + ROWS, "heigth", "unknown column 'heigth'; did you mean 'height'?"),
        ("a:b:y\n1:2:3\n", "y", "only one column was found; is there another --delimiter"),
        ("a,a,y\n" + ROWS, "y", "t.csv has two columns 'a'; rename one of them"),
        ("a,b,y\n1,2,3\n4,,7\n", "y", "column 'b', row 2: no value; fill it in"),
        ("a,b,y\n1,2,3\n4,5,\n", "y", "column 'y', row 2: no value"),
        ("a,b,y\n1,,3\n4,,7\n", "y", "column 'b', row 1: no value"),
        ("a,b,y\n1,2,3\n4,inf,7\n", "y", "column 'b', row 2: infinite"),
        (
            "a,b,y\n1,2,3\n4,x5,7\n2,2,2\n",
            "y",
            "column 'b': 'x5' in row 2 is not a number; correct",
        ),
        ("a,b,y\n1,2,3\n4,5,7a\n2,2,2\n", "y", "column 'y': '7a' in row 2 is not a number"),
        ("a,b,y\n1,2,u\n4,5,v\n", "y", "column 'y': 'u' in row 1 is not a number"),
        ("city,y\nRome,1\nOslo,2\n", "y", "no column of numbers besides 'y'"),
        ("a,b,y\n1,2,3\n4,5\n", "y", "row 2: 2 cells and not 3: '4,5'; .* --delimiter"),
        (
            b"a,\x81,y\n1,2,3\n",
            "y",
            "t.csv cannot be decoded: .*; say its encoding with --encoding",
        ),
    ],
)
def test_what_cannot_be_fitted_is_refused_in_one_line(
    tmp_path: Path, content: str | bytes, target: str | None, message: str
) -> None:
    with pytest.raises(UserError, match=message) as caught:
        table.workload(csv(tmp_path, content), target)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("value", [float("nan"), None])
def test_what_is_missing_in_a_parquet_file(tmp_path: Path, value: Any) -> None:
    path = tmp_path / "t.parquet"
    parquet.write_table(pa.table({"a": [1.0, value, 3.0], "y": [1.0, 2.0, 3.0]}), path)
    with pytest.raises(UserError, match="column 'a', row 2: no value; fill it in"):
        table.workload(path, "y")


def test_files_that_are_no_tables(tmp_path: Path) -> None:
    folder = tmp_path / "folder"
    folder.mkdir()
    for path, message in [
        (tmp_path / "none.csv", "No such file"),
        (folder, "is a folder without .parquet files"),
        (Path("/dev/null"), "is a device and not a file"),
        (csv(tmp_path, "PAR1 and no more", "t.parquet"), "cannot be read: "),
        (csv(tmp_path, "ARROW1", "t.feather"), "cannot be read: "),
        (csv(tmp_path, b"\x1f\x8b and no more", "t.csv.gz"), "cannot be unpacked by gzip"),
        (csv(tmp_path, b"\xd0\xcf\x11\xe0", "t.xls"), "is an old spreadsheet; save it as CSV"),
        (csv(tmp_path, "FEA1", "old.feather"), "is Feather in its first version; save the table"),
        (csv(tmp_path, '[{"a": 1, "y": 2}]', "t.json"), "is JSON; save the table as CSV"),
        (csv(tmp_path, "<!DOCTYPE html><p>Please log in", "t.csv"), "is a page of the web"),
        (csv(tmp_path, "a,y\n1,\0\n3,4\n", "t.bin"), "holds zero bytes"),
    ]:
        with pytest.raises(UserError, match=message) as caught:
            table.workload(path, "y")
        assert "\n" not in str(caught.value)


def test_a_certified_set_from_outside(tmp_path: Path) -> None:
    inside = certified.FOLDER / "Wampler1.dat"
    path = csv(tmp_path, inside.read_bytes(), "mine.dat")
    workload = table.workload(path, None)
    assert workload.name == "mine.dat"
    assert workload.make(0).certified is not None
    with pytest.raises(UserError, match="which has its own target"):
        table.workload(path, "y")


def test_the_file_is_known_again_unless_it_changed(tmp_path: Path) -> None:
    path = csv(tmp_path, "a,b,y\n" + ROWS)
    first = table.workload(path, "y")
    assert first.file is not None
    assert first.file.sha256 == hashlib.sha256(path.read_bytes()).hexdigest()
    assert first.file.path == str(path.resolve())
    again = table.again(first.file)
    assert (again.name, again.file, again.description) == (
        first.name,
        first.file,
        first.description,
    )
    path.write_text("a,b,y\n" + ROWS + "1,1,1\n")
    with pytest.raises(UserError, match=r"cannot resume: .*t\.csv has changed"):
        table.again(first.file)
    path.unlink()
    with pytest.raises(UserError, match=r"cannot resume: .*t\.csv no longer exists"):
        table.again(first.file)


def test_without_pyarrow_one_line_says_what_to_install(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = csv(tmp_path, "a,b,y\n" + ROWS)
    monkeypatch.setitem(sys.modules, "pyarrow", None)
    with pytest.raises(UserError, match="pip install pyarrow"):
        table.workload(path, "y")


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ("1e160", "is so large that its square overflows"),
        ("-1.7e308", "is so large that its square overflows"),
        ("-1.8e308", "infinite"),
        ("2e300", "is so large"),
    ],
)
@pytest.mark.parametrize("column", ["a", "y"])
def test_numbers_whose_squares_overflow_are_refused(
    tmp_path: Path, value: str, message: str, column: str
) -> None:
    rows = {"a": f"1,2,3\n{value},5,6\n7,8,1\n", "y": f"1,2,3\n4,5,{value}\n7,8,1\n"}
    path = csv(tmp_path, "a,b,y\n" + rows[column])
    with pytest.raises(UserError, match=rf"column '{column}', row 2: .*{message}"):
        table.workload(path, "y")


def test_numbers_whose_squares_all_vanish_are_refused(tmp_path: Path) -> None:
    path = csv(tmp_path, "a,b,y\n1,2e-170,3\n4,5e-170,7\n2,0,1\n")
    with pytest.raises(UserError, match=r"column 'b', row 2: 5e-170 is so small"):
        table.workload(path, "y")
    path = csv(tmp_path, "a,b,y\n1,2e-170,3\n4,5,7\n2,0,1\n")
    assert table.workload(path, "y").recipe.n_features == 2


def test_a_certified_set_with_numbers_that_overflow_is_refused(tmp_path: Path) -> None:
    text = (certified.FOLDER / "Norris.dat").read_text(encoding="utf-8")
    path = csv(tmp_path, text.replace("337.4", "1e200", 1).encode(), "big.dat")
    with pytest.raises(UserError, match="is so large that its square overflows"):
        table.workload(path, None)
