"""What an interrupted run has already, so that it can go on where it stopped."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from backends.base import Backend
from benchmarks.engine.plan import Absence, Entry, Plan
from benchmarks.engine.process import Home
from benchmarks.errors import UserError
from benchmarks.estimates import Sample
from benchmarks.problems.workloads import Workload, select
from benchmarks.runfile import Record, of_kind


@dataclass(frozen=True)
class Earlier:
    """The part of a run that is in its file already; empty for a new run."""

    done: frozenset[str] = frozenset()  # workloads that are finished
    data: Mapping[str, str] = field(default_factory=dict)  # SHA-256 by workload, where made
    failed: frozenset[str] = frozenset()  # entries that have dropped out
    rounds: Mapping[str, Mapping[int, Sample]] = field(default_factory=dict)  # by entry
    spent: float = 0.0  # seconds of measurement
    workers: int = 0  # worker numbers that are taken
    replicates: int = 0  # replicate numbers that are taken: new processes are new replicates


def earlier(records: Sequence[Record]) -> Earlier:
    """What the records of an interrupted run say of it."""
    rounds: dict[str, dict[int, Sample]] = {}
    spent = 0.0
    for record in of_kind(records, "sample"):
        sample = Sample(record["replicate"], record["seconds"])
        rounds.setdefault(record["entry"], {})[record["round"]] = sample
        spent += record["fits"] * record["seconds"]
    workers = of_kind(records, "worker")
    refused = [v["entry"] for v in of_kind(records, "verdict") if not v["passed"]]
    return Earlier(
        done=frozenset(record["workload"] for record in of_kind(records, "done")),
        data={record["name"]: record["sha256"] for record in of_kind(records, "workload")},
        failed=frozenset(refused + [f["entry"] for f in of_kind(records, "failure")]),
        rounds=rounds,
        spent=spent,
        workers=1 + max((w["worker"] for w in workers), default=-1),
        replicates=1 + max((w["replicate"] for w in workers), default=-1),
    )


def plan(header: Record, known: Mapping[str, type[Backend]]) -> Plan:
    """The plan that a header was written for.

    Raises:
        UserError: it holds a backend that is not there any more, or a variant.
    """
    if any(entry["variant_of"] for entry in header["entries"]):
        raise UserError("cannot resume a run with --against or --env: start it again")
    tf32 = header.get("tf32", False)
    names = list(dict.fromkeys(entry["workload"] for entry in header["entries"]))
    files = {file["name"]: file for file in header.get("files", [])}
    workloads = {name: _workload(name, files.get(name)) for name in names}

    def entry(fields: Mapping[str, Any]) -> Entry:
        backend = known.get(fields["backend"])
        if backend is None:
            raise UserError(f"cannot resume: there is no backend {fields['backend']!r} here now")
        home = Home(
            backend.name,
            fields["device"],
            fields["threads"],
            tf32=tf32 and fields["device"] != "cpu",
            workload=fields["workload"] if header["cold"] else "",
        )
        return Entry(workloads[fields["workload"]], backend, home)

    entries = [entry(fields) for fields in header["entries"]]
    absent = [Absence(**absence) for absence in header["absent"]]
    return Plan(
        list(workloads.values()),
        entries,
        absent,
        header["replicates"],
        cold=header["cold"],
        tf32=tf32,
    )


def _workload(name: str, file: Mapping[str, Any] | None) -> Workload:
    if file is None:
        return select([name])[0]
    from benchmarks.problems import table as data  # pyarrow is imported for nothing else

    return data.again(file)


def check_machine(header: Record, now: Mapping[str, Any]) -> None:
    """Refuse to mix the samples of two machines in one run.

    Raises:
        UserError: the CPU, the cores or the GPUs differ.
    """
    was_there, is_there = (
        [gpu["name"] for gpu in facts.get("gpus", [])] for facts in (header["machine"], now)
    )
    if was_there != is_there:
        raise UserError(f"cannot resume: gpus was {was_there!r} and is {is_there!r} here")
    for key in ("cpu", "cores_used"):
        if header["machine"][key] != now[key]:
            was, here = header["machine"][key], now[key]
            raise UserError(f"cannot resume: {key} was {was!r} and is {here!r} here")


def plugins(header: Record) -> tuple[Path, ...]:
    """The plug-in files of the run."""
    return tuple(Path(path) for path in header["plugins"])
