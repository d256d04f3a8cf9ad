"""The JSON of pytest-benchmark: rows written for `pytest-benchmark compare`, and files read."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

import pytest_benchmark
from pytest_benchmark.stats import Stats

from benchmarks.errors import UserError
from benchmarks.runfile import Record
from reports import text
from reports.analysis.rows import Row


def dump(records: Sequence[Record], rows: Sequence[Row]) -> str:
    """Every row that passed and was timed as one benchmark, in the group of its workload.

    The statistics are pytest-benchmark's own, of our samples, but for the median, which is that
    of the report.
    """
    header = records[0]
    machine, suite = header.get("machine") or {}, header.get("suite") or {}
    found = {
        "machine_info": {
            "node": text.line(machine.get("cpu") or "unknown"),
            "processor": text.line(machine.get("cpu") or "unknown"),
            "machine": text.line(machine.get("architecture") or ""),
            "system": text.line(machine.get("os") or ""),
            "python_version": text.line(machine.get("python") or ""),
            "python_implementation": "CPython",
        },
        "commit_info": {"id": suite.get("commit"), "dirty": suite.get("dirty")},
        "benchmarks": [_benchmark(row) for row in rows if row.status == "passed"],
        "datetime": header.get("started"),
        "version": pytest_benchmark.__version__,
    }
    return json.dumps(found, indent=2) + "\n"


def _benchmark(row: Row) -> dict[str, Any]:
    stats = Stats()
    for number in sorted(row.times):
        stats.update(row.times[number].seconds)
    name = f"{text.line(row.backend)}[{text.line(row.device)}-{row.threads}]"
    workload = text.line(row.workload)
    return {
        "group": workload,
        "name": f"{workload}/{name}",
        "fullname": f"linreg-bench/{workload}/{name}",
        "params": None,
        "param": None,
        "extra_info": {
            "backend": text.line(row.backend),
            "framework": text.line(row.framework),
            "device": text.line(row.device),
            "threads": row.threads,
            "ratio": row.ratio,
            "baseline": row.baseline and text.line(row.baseline),
        },
        "options": {},
        "stats": stats.as_dict() | {"median": row.seconds_median, "iterations": 1},
    }


def is_dump(found: Any) -> bool:
    """Whether something parsed from JSON looks like a file of pytest-benchmark."""
    return isinstance(found, dict) and isinstance(found.get("benchmarks"), list)


def load(found: dict[str, Any]) -> list[Row]:
    """The benchmarks of a file of pytest-benchmark as rows, group by group, the quickest first.

    Times are medians with interquartile ranges.

    They were timed one after the other and judged by nobody, so they have neither ratio nor rank,
    and have not passed.

    Raises:
        UserError: a benchmark has no name or no median.
    """
    made = [_row(number, benchmark) for number, benchmark in enumerate(found["benchmarks"])]
    groups = list(dict.fromkeys(row.workload for row in made))
    return sorted(made, key=lambda row: (groups.index(row.workload), row.seconds_median))


def _row(number: int, benchmark: Any) -> Row:
    try:
        stats, said = benchmark["stats"], benchmark.get("extra_info") or {}
        name, group = str(benchmark["name"]), benchmark.get("group")
        median, low, high = (float(stats[key]) for key in ("median", "q1", "q3"))
        rounds, threads = int(stats["rounds"]), said.get("threads")
    except KeyError as error:
        raise UserError(f"benchmark {number + 1} has no {error}") from error
    except (AttributeError, TypeError, ValueError) as error:
        raise UserError(f"benchmark {number + 1} is not one of pytest-benchmark's") from error
    nothing: dict[str, Any] = {field.name: None for field in fields(Row)}
    return Row(
        **nothing
        | {
            "workload": str(group or "benchmarks"),
            "backend": str(said.get("backend") or name.removeprefix("test_")),
            "device": str(said.get("device") or ""),
            "threads": threads if isinstance(threads, int) else 0,
            "passed": False,
            "reason": "",
            "samples": rounds,
            "seconds_median": median,
            "seconds_low": low,
            "seconds_high": high,
            "entry": f"{number}",
            "framework": str(said.get("framework") or ""),
            "algorithm": str(benchmark.get("fullname") or name),
            "style": "",
            "status": "passed",
            "rank": "",
            "times": {},
            "checks": [],
            "known_failure": "",
        }
    )
