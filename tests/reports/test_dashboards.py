"""What reads our export: pytest-benchmark's own command, and dashboards that follow times.

For each dashboard: the fields that it reads, and where its source says so.
"""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import replace
from functools import reduce
from pathlib import Path
from typing import Any

import pytest

from benchmarks.runfile.header import Variant
from benchmarks.runfile.run import Run
from reports import export, sources
from reports.analysis.rows import rows
from tests.reports import runs

#: Of a file, and of each benchmark in it: a field, and the JSON types that it may have.
Fields = dict[str, tuple[type, ...]]
_NUMBER = (int, float)
_DASHBOARDS: dict[str, tuple[Fields, Fields]] = {
    # benchmark-action/github-action-benchmark, src/extract.ts, extractPytestResult
    "github-action-benchmark, tool: pytest": (
        {},
        {
            "fullname": (str,),
            "stats.ops": _NUMBER,
            "stats.stddev": _NUMBER,
            "stats.mean": _NUMBER,
            "stats.rounds": (int,),
        },
    ),
    # bencherdev/bencher, lib/bencher_adapter/src/adapters/python/pytest.rs
    "bencher, python_pytest": (
        {"machine_info": (dict,), "commit_info": (dict,)},
        {"fullname": (str,), "stats.median": _NUMBER, "stats.iqr": _NUMBER},
    ),
    # pytest_benchmark/cli.py and plugin.py: compare, and --group-by
    "pytest-benchmark compare": (
        {"machine_info": (dict,), "commit_info": (dict,), "datetime": (str,), "version": (str,)},
        {
            "group": (str,),
            "name": (str,),
            "fullname": (str,),
            "param": (str,),
            "params": (dict,),
            "extra_info": (dict,),
            "stats.iterations": (int,),
            "stats.outliers": (str,),
        },
    ),
}


@pytest.fixture(scope="module")
def written(full: Run) -> dict[str, Any]:
    """The export of a run in which some entries have a single sample."""
    return _exported(full)


def _exported(run: Run) -> dict[str, Any]:
    content: dict[str, Any] = json.loads(export.write(run, rows(run), "pytest-benchmark"))
    return content


def _field(found: dict[str, Any], path: str) -> Any:
    return reduce(lambda inner, key: inner[key], path.split("."), found)


@pytest.mark.parametrize("dashboard", _DASHBOARDS)
def test_the_export_has_the_fields_that_a_dashboard_reads(
    dashboard: str, written: dict[str, Any]
) -> None:
    of_file, of_each = _DASHBOARDS[dashboard]
    assert written["benchmarks"]
    for fields, objects in ((of_file, [written]), (of_each, written["benchmarks"])):
        for path, types in fields.items():
            for found in objects:
                assert isinstance(_field(found, path), types), path
    names = [benchmark["fullname"] for benchmark in written["benchmarks"]]
    assert len(set(names)) == len(names)  # by which a dashboard follows a benchmark


def test_the_numbers_are_those_that_a_dashboard_expects(written: dict[str, Any]) -> None:
    for benchmark in written["benchmarks"]:
        stats = benchmark["stats"]
        assert stats["ops"] == pytest.approx(1 / stats["mean"])
        assert stats["iqr"] == pytest.approx(stats["q3"] - stats["q1"])
        assert stats["min"] <= stats["median"] <= stats["max"]


@pytest.mark.parametrize("by", ["backend", "workload", "device threads variant"])
def test_pytest_benchmark_groups_it_by_its_parameters(
    by: str, written: dict[str, Any], tmp_path: Path
) -> None:
    (tmp_path / "ours.json").write_text(json.dumps(written))
    grouping = ",".join(f"param:{name}" for name in by.split())
    command = ["-c", "from pytest_benchmark.cli import main; main()", "compare", "ours.json"]
    done = subprocess.run(
        [sys.executable, *command, f"--group-by={grouping}", "--columns=median"],
        cwd=tmp_path,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    for benchmark in written["benchmarks"]:
        group = " ".join(f"{name}={benchmark['params'][name]}" for name in by.split())
        assert f"'{group}'" in done.stdout


def test_a_variant_is_a_parameter_and_the_backend_stays_what_it_is() -> None:
    variant = Variant(kind="revision", name="main", source="0123abc")
    run = runs.run(("line",), only=("numpy-gelsd",), rounds=12)
    [entry] = run.header.entries
    run = runs.with_header(run, entries=[replace(entry, variant=variant)])
    [benchmark] = _exported(run)["benchmarks"]
    assert benchmark["params"]["backend"] == "numpy-gelsd"
    assert benchmark["params"]["variant"] == "main"
    assert benchmark["extra_info"]["backend"] == "numpy-gelsd@main"


def test_a_plugin_is_marked_and_comes_back_as_one(tmp_path: Path) -> None:
    run = runs.run(("line",), only=("numpy-gelsd",), rounds=12)
    [entry] = run.header.entries
    run = runs.with_header(run, entries=[replace(entry, plugin="mine.py")])
    [cells] = json.loads(export.write(run, rows(run), "json"))
    assert cells["plugin"] == "mine.py"
    (tmp_path / "ours.json").write_text(json.dumps(_exported(run)))
    [row] = sources.read(tmp_path / "ours.json").rows
    assert row.entry.plugin == "mine.py"
