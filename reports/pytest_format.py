"""The JSON of pytest-benchmark: rows written for `pytest-benchmark compare`, and files read."""

import json
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import inf
from pathlib import Path
from typing import Annotated, Any

import pytest_benchmark
from pydantic import AliasPath, BeforeValidator, Field, TypeAdapter, ValidationError
from pytest_benchmark.stats import Stats

from benchmarks.errors import UserError
from benchmarks.estimates import Estimate
from benchmarks.printable import clean
from benchmarks.runfile.header import Count, EntryRecord
from benchmarks.runfile.records import FitSeconds
from benchmarks.runfile.run import Run, trouble
from reports.analysis.rows import Row, by_workload


def dump(run: Run, rows: Sequence[Row]) -> str:
    """Every row that passed and was timed as one benchmark, in the group of its workload.

    pytest-benchmark computes the statistics from our samples, except for the report's median.
    """
    machine, suite = run.header.machine, run.header.suite
    found = {
        "machine_info": {
            "node": machine.cpu,
            "processor": machine.cpu,
            "machine": machine.architecture,
            "system": machine.os,
            "python_version": machine.python,
            "python_implementation": "CPython",
        },
        "commit_info": {"id": suite.commit, "dirty": suite.dirty},
        "benchmarks": [_benchmark(row) for row in rows if row.status == "passed"],
        "datetime": run.header.started,
        "version": pytest_benchmark.__version__,
    }
    return json.dumps(found, indent=2) + "\n"


def _benchmark(row: Row) -> dict[str, Any]:
    stats = Stats()
    for number in sorted(row.times):
        stats.update(row.times[number].seconds)
    entry = row.entry
    params = {
        "workload": entry.workload,
        "backend": entry.backend,
        "device": entry.device,
        "threads": entry.threads,
        "workers": entry.workers,
        "variant": entry.variant and entry.variant.name,
    }
    param = f"{entry.device}-{entry.threads}"
    name = f"{entry.workload}/{entry.name}[{param}]"
    return {
        "group": entry.workload,
        "name": name,
        "fullname": f"linreg-bench/{name}",
        "params": params,
        "param": param,
        "extra_info": {
            "backend": entry.name,
            "framework": entry.framework,
            "device": entry.device,
            "threads": entry.threads,
            "ratio": row.ratio and row.ratio.value,
            "baseline": row.baseline,
            **({"data": row.data} if row.data else {}),
            "plugin": entry.plugin,
        },
        "options": {},
        "stats": stats.as_dict() | {"median": row.time and row.time.value, "iterations": 1},
    }


def _at(*path: str) -> Any:
    """A field that stands somewhere inside a JSON object."""
    return Field(validation_alias=AliasPath(*path))


#: Parameters that have a place of their own in a row.
_PLACED = ("workload", "backend", "device", "threads", "workers", "variant")

#: What anyone may have written, or left out: text, or else nothing.
Text = Annotated[str, BeforeValidator(lambda value: value if isinstance(value, str) else "")]
_Params = Annotated[
    dict[str, Any], BeforeValidator(lambda value: value if isinstance(value, dict) else {})
]
_Threads = Annotated[
    int, BeforeValidator(lambda n: n if isinstance(n, int) and 0 <= n < 10**6 else 0)
]
#: Statistics of no round are NaN or 0.
_Seconds = Annotated[
    FitSeconds | None, BeforeValidator(lambda s: None if s in (0, inf) or s != s else s)
]


@dataclass(frozen=True, kw_only=True)
class Benchmark:
    """One benchmark of a file. Times are seconds, or None for NaN, infinity and 0."""

    name: str
    median: Annotated[_Seconds, _at("stats", "median")]
    q1: Annotated[_Seconds, _at("stats", "q1")]
    q3: Annotated[_Seconds, _at("stats", "q3")]
    rounds: Annotated[Count, _at("stats", "rounds")]
    group: Text = ""
    fullname: Text = ""
    backend: Annotated[Text, _at("extra_info", "backend")] = ""
    framework: Annotated[Text, _at("extra_info", "framework")] = ""
    device: Annotated[Text, _at("extra_info", "device")] = ""
    threads: Annotated[_Threads, _at("extra_info", "threads")] = 0
    plugin: Annotated[Text, _at("extra_info", "plugin")] = ""
    params: _Params = field(default_factory=dict)

    @property
    def workload(self) -> str:
        """The name of the table that it belongs to."""
        return self.group or "benchmarks"

    @property
    def label(self) -> str:
        """The name of its row, which others of the file may have as well."""
        if not self.backend:
            return self.name.removeprefix("test_")
        further = [f"{key}={value}" for key, value in self.params.items() if key not in _PLACED]
        return self.backend + (f"[{', '.join(further)}]" if further else "")

    @property
    def long_label(self) -> str:
        """The label, and the file that it comes from; with a backend's name also the test."""
        where = self.fullname or self.name
        if not self.backend:
            where = where.removesuffix(self.name).rstrip(":")
        return f"{self.label} ({where})" if where else self.label

    @property
    def time(self) -> Estimate | None:
        """The median and its quartiles; None unless all are known."""
        if self.median is None or self.q1 is None or self.q3 is None:
            return None
        # The median that we export may differ from a quartile by rounding.
        return Estimate(self.median, min(self.q1, self.median), max(self.q3, self.median))

    def row(self, number: int, label: str) -> Row:
        """As a row. It was not checked and not interleaved: it has no ratio, place or verdict."""
        entry = EntryRecord(
            id=str(number),
            workload=self.workload,
            backend=label,
            device=self.device,
            threads=self.threads,
            framework=self.framework,
            algorithm=self.fullname or self.name,
            style="",
            plugin=self.plugin,
        )
        return Row(entry, "passed", passed=False, reason="", samples=self.rounds, time=self.time)


@dataclass(frozen=True, kw_only=True)
class Dump:
    """A file of pytest-benchmark."""

    benchmarks: Sequence[Benchmark]
    version: Text = ""
    datetime: Text = ""
    commit: Annotated[Text, _at("commit_info", "id")] = ""
    cpu: Annotated[Text, _at("machine_info", "cpu", "brand_raw")] = ""
    processor: Annotated[Text, _at("machine_info", "processor")] = ""
    system: Annotated[Text, _at("machine_info", "system")] = ""
    python: Annotated[Text, _at("machine_info", "python_version")] = ""

    @property
    def machine(self) -> str:
        """The machine in one line."""
        python = f"Python {self.python}" if self.python else ""
        parts = (self.cpu or self.processor, self.system, python)
        return ", ".join(filter(None, parts)) or "unknown machine"

    @property
    def facts(self) -> list[tuple[str, str]]:
        """Who measured it, when, and at which commit."""
        measured = ("measured by", f"pytest-benchmark {self.version}".strip())
        pairs = (measured, ("started", self.datetime), ("commit", self.commit[:12]))
        return [(name, value) for name, value in pairs if value]

    @property
    def left_out(self) -> list[str]:
        """The benchmarks that have no time, as they are called in full."""
        return [one.fullname or one.name for one in self.benchmarks if not one.time]

    @property
    def rows(self) -> list[Row]:
        """The benchmarks that have a time as rows, group by group, the quickest first."""
        timed = [one for one in self.benchmarks if one.time]
        numbered = enumerate(zip(timed, _labels(timed), strict=True))
        made = by_workload(one.row(number, label) for number, (one, label) in numbered)
        return [row for same in made.values() for row in sorted(same, key=_median)]


def _labels(benchmarks: Sequence[Benchmark]) -> list[str]:
    """A name for each, which no other one of its workload, device and threads has."""
    places = [(one.workload, one.device, one.threads) for one in benchmarks]
    short = Counter((*place, one.label) for place, one in zip(places, benchmarks, strict=True))
    met = Counter[tuple[Any, ...]]()
    labels = []
    for place, one in zip(places, benchmarks, strict=True):
        label = one.label if short[*place, one.label] == 1 else one.long_label
        met[*place, label] += 1
        times = met[*place, label]
        labels.append(f"{label} #{times}" if times > 1 else label)
    return labels


def _median(row: Row) -> float:
    return row.time.value if row.time else 0.0


_DUMP = TypeAdapter(Dump)


def load(path: Path) -> Dump | None:
    """Read a file of pytest-benchmark; None if it is something else.

    The times of its rows are medians with interquartile ranges.

    Raises:
        UserError: it has no benchmark with a time, or one without a name or statistics.
    """
    try:
        found = clean(json.loads(path.read_bytes())) if path.suffix == ".json" else None
    except (OSError, ValueError, RecursionError):
        return None
    if not isinstance(found, dict) or not isinstance(found.get("benchmarks"), list):
        return None
    if not found["benchmarks"]:
        raise UserError(f"{path} has no benchmark: none was run, or all of them failed")
    try:
        dump = _DUMP.validate_python(found)
    except ValidationError as error:
        wrong = f"{path} is not sound: {trouble(error)}"
        raise UserError(f"{wrong}; run that benchmark again, or take it out") from None
    if not dump.rows:
        what = f"the statistics of {dump.left_out[0]} are NaN, infinite or 0"
        raise UserError(f"{path} has no benchmark with a time: {what}; run it again")
    return dump
