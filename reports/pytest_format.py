"""The JSON of pytest-benchmark: the rows of a run written so that `pytest-benchmark compare`
takes them.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

import pytest_benchmark
from pytest_benchmark.stats import Stats

from benchmarks.results import Row
from benchmarks.runfile import Record
from reports import text


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
    stats = Stats()  # type: ignore[no-untyped-call]
    for number in sorted(row.times):
        stats.update(row.times[number].seconds)  # type: ignore[no-untyped-call]
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
        "stats": stats.as_dict()  # type: ignore[no-untyped-call]
        | {"median": row.seconds_median, "iterations": 1},
    }
