"""The plan: which entries a run has, and why others are absent."""

import os
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any, Self

from backends import registry
from backends.description import Description
from benchmarks.engine import memory
from benchmarks.engine.process import Forking, Launch, Process
from benchmarks.engine.variants import Environment
from benchmarks.errors import UserError
from benchmarks.problems.workloads import Workload
from benchmarks.runfile.header import Absence, EntryRecord

#: By default: seconds of measurement of all workloads, so that a run on two cores takes some 85 s.
BUDGET = 30.0
#: By default: replicates of an entry, and processes of all entries. Starting one takes seconds.
MOST_REPLICATES, MOST_PROCESSES = 4, 8
#: Replicates of an entry that is in the race for a place, whatever the others have.
IN_THE_RACE = 4


@dataclass(frozen=True)
class Options:
    """How to run a plan."""

    command: Sequence[str]
    cores: Sequence[int]  # to measure on
    seed: int = 0
    budget: float | None = BUDGET  # seconds of measurement; None: do not time
    precision: float | None = 0.01  # a ratio known this well is settled; None: never
    patience: float = 60.0  # seconds that a worker may take to answer
    plugins: tuple[Path, ...] = ()
    memory_bytes: int | None = None  # of a worker; None: 80 % of what is free
    wait: bool = False  # for cores that another run uses
    calibration: str = ""  # which differences this machine can tell, in one line


@dataclass(frozen=True, eq=False)
class Entry:
    """A workload on a backend, a device and a number of threads."""

    workload: Workload
    backend: Description
    process: Process  # its first

    @classmethod
    def make(
        cls,
        workload: Workload,
        backend: Description,
        device: str,
        threads: int,
        *,
        launch: Launch | None = None,
        workers: int = 1,
        cold: bool,
        tf32: bool,
        fork: bool = True,
    ) -> Self:
        """An entry of a plan that is `cold`, or has TF32 on where there is such a switch.

        Processes are forked, unless the time of each start is wanted; CUDA would not survive it.
        """
        fork &= not cold and device == "cpu" and not backend.distributed
        fork &= sys.platform == "linux"
        name = workload.name if cold else ""
        tf32 = tf32 and device != "cpu"
        process = Process(
            backend.name,
            device,
            threads,
            launch or Launch(),
            tf32=tf32,
            workload=name,
            plugin=backend.plugin,
            workers=workers,
            forking=Forking(backend.framework, backend.hidden) if fork else None,
        )
        return cls(workload, backend, process)

    @property
    def id(self) -> str:
        """The name of the entry in run files: workload/backend/device/threads."""
        process = self.process
        return f"{self.workload.name}/{process.name}/{process.device}/{process.threads}"

    @property
    def framework(self) -> str:
        """The top-level package of its backend's framework."""
        return self.backend.framework.partition(".")[0]

    @property
    def known_failure(self) -> str:
        """Why it is known to fail the gate; empty if it is not."""
        name, kind = self.workload.name, self.process.device.partition(":")[0]
        for pattern, reason in self.backend.known_failures.items():
            if fnmatchcase(name, pattern) or fnmatchcase(f"{name} on {kind}", pattern):
                return reason
        return self.workload.known_failures.get(self.backend.stability, "")

    def record(self) -> EntryRecord:
        """What the header of a run file says of it."""
        return EntryRecord(
            id=self.id,
            workload=self.workload.name,
            backend=self.backend.name,
            device=self.process.device,
            threads=self.process.threads,
            workers=self.process.workers,
            framework=self.framework,
            algorithm=self.backend.algorithm,
            style=self.backend.style,
            known_failure=self.known_failure,
            variant=self.process.launch.variant,
            plugin=self.backend.source,
        )

    def mismatch(self, description: Mapping[str, Any], received: str, sent: str) -> str:
        """How this entry differs from the work that was done; '' if it does not.

        Args:
            description: what the backend's `describe` returned after a fit.
            received: SHA-256 that the worker computed of its data.
            sent: SHA-256 of the data as they were made.
        """
        if received != sent:
            return "worked on other data than it was given (SHA-256 differs)"
        process = self.process
        wanted = {
            "device": process.worker_device,
            "dtype": self.workload.recipe.dtype,
            "threads": process.threads,
            "tf32": process.tf32,
            "workers": process.workers,
        }
        for key, value in wanted.items():
            found = description.get(key)
            if found != value and found is not None:
                return f"{key} is {found!r}, not {value!r} as asked for"
        for key in ("version", "device", "dtype", "algorithm"):
            if not description.get(key):
                return f"does not say its {key}"
        return ""


@dataclass(frozen=True)
class Plan:
    """What a run consists of; entries stand workload by workload."""

    workloads: list[Workload]
    entries: list[Entry]
    absent: list[Absence]
    replicates: int = 1  # processes for each entry, which take turns
    most_replicates: int = 1  # of those that are in the race for a place
    cold: bool = False  # whether each entry has processes of its own
    environments: Sequence[Environment] = ()  # other interpreters that take part
    tf32: bool = False  # whether it was asked for
    #: Entries that memory does not suffice for, with the reason.
    too_large: Mapping[Entry, str] = field(default_factory=dict)

    def processes(self, entry: Entry) -> list[Process]:
        """The worker processes of one entry."""
        return [replace(entry.process, replicate=number) for number in range(self.replicates)]


def make(
    workloads: Sequence[Workload],
    backends: Sequence[Description],
    devices: Sequence[str],
    *,
    n_cores: int,
    n_gpus: int,
    threads: int | None,
    available_bytes: int,
    replicates: int | None = None,
    launches: Sequence[Launch] = (Launch(),),
    cold: bool = False,
    environments: Sequence[Environment] = (),
    tf32: bool = False,
    workers: Sequence[int] = (1,),
    machines: int = 1,
) -> Plan:
    """All combinations that make sense.

    Args:
        workloads: what to fit.
        backends: what to fit it with.
        devices: where; a backend that cannot use one is left out there.
        n_cores: usable ones.
        n_gpus: that the driver shows.
        threads: for all entries, instead of each workload's own number.
        available_bytes: of memory.
        replicates: of each entry; by default as many as `MOST_PROCESSES` allows, and further
            ones where they decide who is first.
        launches: of each backend, under this interpreter.
        cold: give every entry processes of its own.
        environments: other interpreters under which each backend is to run as well.
        tf32: whether products of float32 may be rounded to TF32 on CUDA.
        workers: how many share a fit, of each backend that can be shared; one each of the others.
            On one machine they share its threads; on several, each has as many.
        machines: on which there are workers.

    Raises:
        UserError: nothing is left to run, memory suffices for no backend of a workload, more
            threads or workers are asked for than there are cores, or two variants have the same
            name.
    """
    given = [*launches, *(environment.launch for environment in environments)]
    names = [launch.variant.name for launch in given if launch.variant]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"two variants are called {twice!r}: choose another name for --env")
    if threads is not None and not 1 <= threads <= n_cores:
        raise UserError(f"--threads {threads}: this machine has 1 to {n_cores} usable cores")
    most, have = (machines, "machines") if machines > 1 else (n_cores, "usable cores")
    if not all(1 <= number <= most for number in workers):
        asked = ",".join(map(str, workers))
        raise UserError(f"--workers {asked}: there are 1 to {most} {have} here")
    ways: dict[str, list[Launch]] = {backend.name: [] for backend in backends}
    absent: list[Absence] = []
    for backend in backends:
        under = [("", registry.missing(backend), launches)]
        under += [(f"@{e.name}", e.lacks(backend), [e.launch]) for e in environments]
        for suffix, reason, found in under:
            if reason:
                name = backend.name + suffix
                absent.append(Absence(backend=name, device="any", reason=reason))
            else:
                ways[backend.name] += found
    if n_gpus == 0:
        hidden = "CUDA_VISIBLE_DEVICES" in os.environ
        where = "that CUDA_VISIBLE_DEVICES leaves to this run" if hidden else "on this machine"
        reason = f"no NVIDIA GPU {where}"
        absent.append(Absence(backend="every backend", device="cuda", reason=reason))
    if any(backend.distributed for backend in backends) and machines == 1:
        absent += _not_shared(workloads, workers, threads or 0, n_cores)
    entries = [
        Entry.make(
            workload,
            backend,
            device,
            (threads or workload.threads or n_cores) * (number if machines > 1 else 1),
            launch=launch,
            workers=number,
            cold=cold,
            tf32=tf32,
            fork=all(launch.is_own for launch in given),  # all in the same way
        )
        for workload in workloads
        for backend in backends
        if workload.method.kind in backend.methods
        for device in devices
        if device.partition(":")[0] in backend.devices
        for number in (workers if backend.distributed else (1,))
        if machines > 1 or (threads or workload.threads or n_cores) % number == 0
        for launch in ways[backend.name]
    ]
    if not entries:
        reasons = "; ".join(a.reason for a in absent if a.device == "any")
        none = "none of these backends solves these workloads on these devices"
        raise UserError(f"nothing to run: {reasons or none}")
    used = [w for w in workloads if any(entry.workload is w for entry in entries)]
    needs = {e: memory.needed(e.workload, e.backend.copies, e.process.device) for e in entries}
    for workload in used:
        least = min(needs[entry] for entry in entries if entry.workload is workload)
        if least > available_bytes:
            raise UserError(f"workload {workload.name!r} {memory.lacking(least, available_bytes)}")
    large = [entry for entry in entries if needs[entry] > available_bytes]
    too_large = {entry: memory.lacking(needs[entry], available_bytes) for entry in large}
    runs = [entry for entry in entries if entry not in too_large]
    processes = len({replace(entry.process, workload="") for entry in runs})
    allowed = min(MOST_REPLICATES, max(1, MOST_PROCESSES // processes))
    return Plan(
        used,
        entries,
        absent,
        replicates or allowed,
        replicates or max(allowed, IN_THE_RACE),
        cold,
        environments,
        tf32,
        too_large,
    )


def _not_shared(
    workloads: Sequence[Workload], workers: Sequence[int], threads: int, n_cores: int
) -> Iterator[Absence]:
    """Which workloads so many workers cannot share: all workers have the same number of threads."""
    for number in workers:
        counts = {w.name: threads or w.threads or n_cores for w in workloads}
        if names := [name for name, count in counts.items() if count % number]:
            reason = f"the threads of {', '.join(names)} cannot be divided by {number}: --threads"
            yield Absence(backend=f"{number} workers", device="any", reason=reason)
