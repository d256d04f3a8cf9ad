"""The command that a page shows beside a row measures this row again, whatever kind it is."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
import typer

from benchmarks.cli.app import app
from benchmarks.runfile.header import EntryRecord
from benchmarks.runfile.run import Run
from reports.sections.evidence import repeat_command
from tests.reports import runs

if TYPE_CHECKING:
    from tests.benchmarks.conftest import Done

Call = Callable[..., "Done"]

ROOT = Path(__file__).parents[2]
PLUGIN = ROOT / "tests/plugins/wrong.py"
CERTIFIED = ROOT / "benchmarks/problems/nist/Norris.dat"
QUICK = ("--budget", "200ms", "--replicates", "1")
KINDS: dict[str, tuple[object, ...]] = {
    "a workload": ("--workloads", "line,300x2"),
    "a check": ("check", "--workloads", "line"),
    "a table": ("--data", "table.csv", "--target", "price"),
    "a table in pieces": (
        *("--data", "table.csv", "--target", "price", "--features", "s*", "--missing", "?,-9"),
        *("--drop-missing", "--decimal", ".", "--delimiter", ",", "--encoding", "latin-1"),
    ),
    "certified data": ("--data", CERTIFIED),
    "threads": ("--workloads", "line", "--threads", "1"),
    "several workers": (
        *("--workloads", "line", "--threads", "2", "--workers", "1,2"),
        *("--backends", "torch-distributed-qr"),
    ),
    "an own process": ("--workloads", "line", "--cold"),
    "a plug-in": ("--workloads", "line", "--plugin", PLUGIN),
    "an environment": ("--workloads", "line", "--env", f"same={sys.executable}"),
    "a revision": ("--workloads", "line", "--against", "HEAD"),
}


@pytest.mark.slow
@pytest.mark.parametrize("arguments", KINDS.values(), ids=KINDS)
def test_it_measures_this_row_again_and_no_other(
    arguments: tuple[object, ...], tmp_path: Path, call: Call
) -> None:
    table = tmp_path / "table.csv"
    table.write_text("size,price\n" + "".join(f"{i},{2 * i + i % 3}\n" for i in range(30)))
    arguments = tuple(table if word == "table.csv" else word for word in arguments)
    if arguments[0] != "check":
        arguments = ("run", *QUICK, *arguments)
    backends = ("--backends", "numpy-gelsd,scipy-gelsd", "--seed", "3")
    done = call(*arguments, *backends, "--out", tmp_path / "first")
    assert done.returncode == 0, done.stderr
    first = Run.read(tmp_path / "first")
    # The last one: a variant, where there are any.
    entry = first.header.entries[-1]
    program, *again = repeat_command(first, entry)
    assert program == "linreg-bench"
    quick = QUICK if again[0] == "run" else ()
    done = call(*again, *quick, "--out", tmp_path / "again")
    assert done.returncode == 0, done.stderr
    second = Run.read(tmp_path / "again")
    same = [entry.original, entry.id] if entry.variant else [entry.id]
    assert [one.id for one in second.header.entries] == same
    assert second.header.entries[-1] == entry
    assert second.header.cold == first.header.cold
    assert _data(second, entry) == _data(first, entry)


def _data(run: Run, entry: EntryRecord) -> str:
    fit = run.first_fit(entry.id)
    assert fit is not None
    return fit.sha256


def test_on_cuda_it_asks_for_the_same_precision() -> None:
    """Only parsed: this needs a GPU."""
    entry = runs.entry("line", "torch-cholesky", device="cuda:1")
    run = runs.of(runs.header([entry], tf32=True, budget_seconds=45.0))
    _, command, *arguments = repeat_command(run, entry)
    group = typer.main.get_command(app)
    context = group.commands[command].make_context(command, arguments)  # type: ignore[attr-defined]
    given = context.params
    assert given["tf32"] is True
    assert (given["devices"], given["threads"]) == ("cuda:1", entry.threads)
