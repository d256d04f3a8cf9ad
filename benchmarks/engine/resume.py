"""What an interrupted run has already, so that it can go on where it stopped."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from types import MappingProxyType

from backends.description import Description
from benchmarks.engine.plan import Entry, Plan
from benchmarks.errors import UserError
from benchmarks.problems.workloads import Workload, select
from benchmarks.runfile import records
from benchmarks.runfile.header import DataFile, Header, Machine
from benchmarks.runfile.run import Run
from benchmarks.samples import Rounds


@dataclass(frozen=True)
class Earlier:
    """The part of a run that is in its file already; empty for a new run."""

    done: frozenset[str] = frozenset()  # workloads that are finished
    data: Mapping[str, str] = field(default_factory=dict)  # SHA-256 by workload, where made
    failed: frozenset[str] = frozenset()  # entries that have dropped out
    rounds: Mapping[str, Rounds] = field(default_factory=dict)  # by entry
    spent: float = 0.0  # seconds of measurement
    workers: int = 0  # worker numbers that are taken
    replicates: int = 0  # replicate numbers that are taken


def earlier(run: Run) -> Earlier:
    """What the file of an interrupted run says of it."""
    workers = run.of(records.WorkerRecord)
    failed = {failure.entry for failure in run.of(records.FailureRecord)}
    failed |= {verdict.entry for verdict in run.of(records.VerdictRecord) if not verdict.passed}
    return Earlier(
        done=frozenset(record.workload for record in run.of(records.DoneRecord)),
        data={name: workload.sha256 for name, workload in run.workloads.items()},
        failed=frozenset(failed),
        rounds={entry.id: run.rounds(entry.id) for entry in run.header.entries},
        spent=sum(sample.fits * sample.seconds for sample in run.of(records.SampleRecord)),
        workers=1 + max((worker.worker for worker in workers), default=-1),
        replicates=1 + max((worker.replicate for worker in workers), default=-1),
    )


def plan(
    header: Header,
    known: Mapping[str, Description],
    further: Mapping[str, Workload] = MappingProxyType({}),
) -> Plan:
    """The plan that a header was written for; `known` and `further` are a catalogue's.

    Raises:
        UserError: it holds a variant, or a backend that is not there any more.
    """
    if any(entry.variant for entry in header.entries):
        raise UserError("cannot resume a run with --against or --env: start it again")
    files = {file.name: file for file in header.files}
    names = dict.fromkeys(entry.workload for entry in header.entries)
    workloads = {name: _workload(name, files.get(name), further) for name in names}
    entries = []
    for record in header.entries:
        if (backend := known.get(record.backend)) is None:
            raise UserError(f"cannot resume: there is no backend {record.backend!r} here now")
        place = workloads[record.workload], backend, record.device, record.threads
        entry = Entry.make(*place, workers=record.workers, cold=header.cold, tf32=header.tf32)
        entries.append(entry)
    return Plan(
        list(workloads.values()),
        entries,
        list(header.absent),
        header.replicates,
        max(header.replicates, header.most_replicates),
        cold=header.cold,
        tf32=header.tf32,
    )


def _workload(name: str, file: DataFile | None, further: Mapping[str, Workload]) -> Workload:
    if file is None:
        return select([name], further)[0]
    from benchmarks.problems.table import table

    return table.again(file)


def check_machine(header: Header, now: Machine) -> None:
    """Refuse to mix the samples of two machines in one run.

    Raises:
        UserError: the CPU, the cores or the GPUs differ.
    """
    was = header.machine
    facts = {
        "gpus": tuple([gpu.name for gpu in machine.gpus] for machine in (was, now)),
        "cpu": (was.cpu, now.cpu),
        "cores_used": (list(was.cores_used), list(now.cores_used)),
    }
    for name, (before, here) in facts.items():
        if before != here:
            raise UserError(f"cannot resume: {name} was {before!r} and is {here!r} here")
