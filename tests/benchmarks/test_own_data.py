"""A person's own table, from the command line to everything that is said of it."""

from __future__ import annotations

import io
import json
import sys
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from pyarrow import parquet

from benchmarks.cli.app import main
from benchmarks.engine.catalogue import known
from benchmarks.engine.resume import plan
from benchmarks.errors import UserError
from benchmarks.runfile.run import Run

if TYPE_CHECKING:
    from tests.benchmarks.conftest import Done

Call = Callable[..., "Done"]
#: An index, decimal commas, text, a mark for no value, and letters that are not UTF-8.
TABLE = ";größe;preis;stadt;y\n" + "".join(
    f"{n};{n % 7},5;{'?' if n == 4 else n * n % 11};Rom\x1b[31m;{3 * n % 17},25\n"
    for n in range(1, 31)
)
OPTIONS = ("--target", "y", "--missing", "?", "--drop-missing", "--backends", "numpy-gelsd")
SAID = (
    "'y' on 2 features, 'größe', 'preis'; separated by semicolons, cp1252, as it is not UTF-8; "
    "without 'column 1' (an index: it comes first and has no name), 'stadt' (text: 'Rom [31m' in "
    "row 1); decimal commas; 'größe': '1,5' is 1.5; 'y': '3,25' is 3.25; "
    "1 of 30 rows left out, which lack a value: the first is row 4, in 'preis'; "
    "no truth is known, so fits are held only to the reference solution"
)


@dataclass
class Checked:
    """A check of the table that is done."""

    folder: Path
    stdout: str
    stderr: str


@pytest.fixture(scope="module")
def path(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("own") / "häuser.txt"
    path.write_bytes(TABLE.encode("cp1252"))
    return path


@pytest.fixture(scope="module")
def checked(path: Path, tmp_path_factory: pytest.TempPathFactory) -> Checked:
    """The folder of a check of the table, and what a terminal showed."""
    folder, out, err = tmp_path_factory.mktemp("checked"), io.StringIO(), io.StringIO()
    arguments = ("check", "--data", str(path), *OPTIONS, "--out", str(folder))
    with redirect_stdout(out), redirect_stderr(err), pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 0, err.getvalue()
    return Checked(folder, out.getvalue(), err.getvalue())


def test_every_output_says_what_was_fitted(checked: Checked, tmp_path: Path, call: Call) -> None:
    # In the terminal before anything is measured, and above the results.
    assert checked.stderr.splitlines()[0] == f"häuser.txt: {SAID}"
    assert SAID in " ".join(checked.stdout.split())
    folder = checked.folder
    summary = (folder / "summary.md").read_text(encoding="utf-8").replace("\\", "")
    assert SAID.partition(" (an")[0] in summary
    assert "1 of 30 rows left out" in summary
    page = (folder / "index.html").read_text(encoding="utf-8").replace("&#39;", "'")
    assert SAID in page
    [row] = json.loads(call("export", folder, "--format", "json").stdout)
    assert row["data"] == SAID
    assert "1 of 30 rows" in call("export", folder, "--format", "csv").stdout
    call("export", folder, "--format", "parquet", "--out", tmp_path / "rows.parquet")
    assert parquet.read_table(tmp_path / "rows.parquet")["data"].to_pylist() == [SAID]


def test_there_is_no_truth_and_the_page_says_so(
    checked: Checked, path: Path, tmp_path: Path, call: Call
) -> None:
    page = " ".join((checked.folder / "index.html").read_text(encoding="utf-8").split())
    assert "against the truth" not in page
    assert "There is no truth to compare with: the data were given, and not made." in page
    own = ("check", "--quiet", "--data", path, *OPTIONS, "--out", tmp_path)
    assert call(*own, "--workloads", "line").returncode == 0
    page = " ".join((tmp_path / "index.html").read_text(encoding="utf-8").split())
    assert "against the truth where it is known" in page
    assert "There is no truth" not in page


def test_full_adds_backends_and_no_workloads(path: Path, tmp_path: Path, call: Call) -> None:
    done = call("check", "--full", "--quiet", "--data", path, *OPTIONS, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    assert {entry.workload for entry in Run.read(tmp_path).header.entries} == {"häuser.txt"}


def test_a_run_goes_on_with_the_table_as_it_was_read(checked: Checked, tmp_path: Path) -> None:
    [workload] = plan(Run.read(checked.folder).header, known((), 60.0)).workloads
    assert workload.description == SAID
    # A run file of an older version says nothing of options.
    text = (checked.folder / "run.jsonl").read_text(encoding="utf-8")
    first, *others = text.splitlines()
    fields = json.loads(first)
    del fields["files"][0]["reading"]
    older = tmp_path / "run.jsonl"
    older.write_text("\n".join([json.dumps(fields), *others, ""]), encoding="utf-8")
    with pytest.raises(UserError, match=r"column 'preis': '\?' in row 4 is not a number"):
        plan(Run.read(older).header, known((), 60.0))


@pytest.fixture
def piped(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The table is what standard input holds."""
    monkeypatch.setattr(sys, "stdin", io.TextIOWrapper(io.BytesIO(path.read_bytes())))


@pytest.mark.usefixtures("piped")
def test_a_table_may_come_from_standard_input(tmp_path: Path, call: Call) -> None:
    done = call("check", "--quiet", "--data", "-", *OPTIONS, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    header = Run.read(tmp_path).header
    assert header.entries[0].workload == "stdin"
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert "--data - --target y" in page
    assert "# the same table on standard input" in page
    with pytest.raises(UserError, match="the table came from standard input; start it again"):
        plan(header, known((), 60.0))


def test_reports_side_by_side_say_it_as_well(checked: Checked, tmp_path: Path, call: Call) -> None:
    done = call("report", checked.folder, checked.folder, "--out", tmp_path)
    assert done.returncode == 0, done.stderr
    page = (tmp_path / "index.html").read_text(encoding="utf-8")
    assert page.count("1 of 30 rows left out") == 1
