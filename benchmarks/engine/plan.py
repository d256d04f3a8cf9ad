"""The plan: which entries a run will have, and why others are absent."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fnmatch import fnmatchcase

from backends import registry
from backends.base import Backend
from benchmarks.engine.environments import Environment
from benchmarks.engine.process import Home, Variant
from benchmarks.errors import UserError, unknown
from benchmarks.problems.workloads import Workload

#: An entry needs about this many times its data: in the page cache, in the framework, and twice
#: while it solves.
_COPIES = 4
#: Unless the number of replicates is asked for: at most so many for an entry, and processes for
#: all of them together, since starting a framework takes seconds.
MOST_REPLICATES, MOST_PROCESSES = 4, 8


@dataclass(frozen=True)
class Entry:
    """One row of a report: a workload on a backend, a device and a number of threads."""

    workload: Workload
    backend: type[Backend]
    home: Home

    @property
    def id(self) -> str:
        """The name of the entry in run files: workload/backend/device/threads."""
        home = self.home
        return f"{self.workload.name}/{home.name}/{home.device}/{home.threads}"

    @property
    def original(self) -> str | None:
        """The id of the entry that this is a variant of; None if it is not."""
        plain = replace(self, home=replace(self.home, variant=None))
        return plain.id if self.home.variant else None

    @property
    def known_failure(self) -> str:
        """Why it is known to fail the gate; empty if it is not."""
        name, kind = self.workload.name, self.home.device.partition(":")[0]
        own = self.backend.known_failures.items()
        matching = (
            reason
            for pattern, reason in own
            if fnmatchcase(name, pattern) or fnmatchcase(f"{name} on {kind}", pattern)
        )
        return next(matching, self.workload.known_failures.get(self.backend.stability, ""))

    def to_json(self) -> dict[str, object]:
        """As it stands in the header of a run file."""
        return {
            "entry": self.id,
            "workload": self.workload.name,
            "backend": self.home.name,
            "device": self.home.device,
            "threads": self.home.threads,
            "framework": self.backend.framework.partition(".")[0],
            "algorithm": self.backend.algorithm,
            "style": self.backend.style,
            "known_failure": self.known_failure,
            "variant_of": self.original,
        }


@dataclass(frozen=True)
class Absence:
    """A backend on a device that the run does not have, and why, in one line."""

    backend: str
    device: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """What a run consists of; entries stand workload by workload."""

    workloads: list[Workload]
    entries: list[Entry]
    absent: list[Absence]

    replicates: int = 1  # processes for each entry, which take turns
    cold: bool = False  # whether each entry has processes of its own
    environments: Sequence[Environment] = ()  # other interpreters that take part
    tf32: bool = False  # whether it was asked for

    def processes(self, entry: Entry) -> list[Home]:
        """The worker processes of one entry."""
        return [replace(entry.home, replicate=number) for number in range(self.replicates)]


def choose_backends(
    patterns: Sequence[str], known: Mapping[str, type[Backend]], full: bool = False
) -> list[type[Backend]]:
    """The backends that names and globs such as `torch-*` ask for, in the order of `known`.

    Without patterns, all that are not optional, or all if `full`.

    Raises:
        UserError: a pattern matches none; the nearest name is suggested.
    """
    for pattern in patterns:
        if not any(fnmatchcase(name, pattern) for name in known):
            raise unknown("backend", pattern, known)
    if not patterns:
        return [b for b in known.values() if full or not b.optional]
    return [b for name, b in known.items() if any(fnmatchcase(name, p) for p in patterns)]


def choose_devices(asked: Sequence[str], n_gpus: int) -> list[str]:
    """Device names for `cpu`, `cuda` (the first GPU), `cuda:N`, and `all` (CPU and every GPU).

    If none is asked for, the CPU, and the first GPU if there is one: on a machine with eight,
    workers for all of them would take longer to start than a run is meant to last.

    Raises:
        UserError: a name is none of these, or asks for a GPU that is not there.
    """
    gpus = [f"cuda:{number}" for number in range(n_gpus)]
    devices = [] if asked else ["cpu", *gpus[:1]]
    for name in asked:
        if name in ("all", "cpu"):
            devices += ["cpu", *gpus] if name == "all" else ["cpu"]
        elif name in ("cuda", *gpus):
            if not gpus:
                raise UserError("device 'cuda': the NVIDIA driver shows no GPU on this machine")
            devices.append(gpus[0] if name == "cuda" else name)
        else:
            raise unknown("device", name, ["cpu", "cuda", *gpus, "all"])
    return list(dict.fromkeys(devices))


def make(
    workloads: Sequence[Workload],
    backends: Sequence[type[Backend]],
    devices: Sequence[str],
    *,
    n_cores: int,
    n_gpus: int,
    threads: int | None,
    available_bytes: int,
    replicates: int | None = None,
    variants: Sequence[Variant | None] = (None,),
    cold: bool = False,
    environments: Sequence[Environment] = (),
    tf32: bool = False,
) -> Plan:
    """All combinations that make sense.

    Args:
        workloads: what to fit.
        backends: what to fit it with.
        devices: where; a backend that cannot use one is left out there.
        n_cores: usable cores.
        n_gpus: GPUs that the driver sees.
        threads: for all entries, instead of each workload's own number.
        available_bytes: of memory.
        replicates: processes for each entry; by default as many as `MOST_PROCESSES` allows.
        variants: of each backend; None is the backend as it is.
        cold: give every entry a process of its own, so that its first fit is the process's first.
        environments: other interpreters under which each backend is to run as well.
        tf32: whether products of float32 may be rounded to TF32 on CUDA.

    Raises:
        UserError: nothing is left to run, a workload does not fit into memory, more threads are
            asked for than there are cores, or two variants have the same name.
    """
    names = [v.name for v in [*variants, *(e.variant for e in environments)] if v]
    if twice := next((name for name in names if names.count(name) > 1), None):
        raise UserError(f"two variants are called {twice!r}: choose another name for --env")
    if threads is not None and not 1 <= threads <= n_cores:
        raise UserError(f"--threads {threads}: this machine has 1 to {n_cores} usable cores")
    for workload in workloads:
        if (needed := _COPIES * workload.bytes) > available_bytes:
            raise UserError(
                f"workload {workload.name!r} needs about {needed / 2**30:,.1f} GiB of memory;"
                f" {available_bytes / 2**30:,.1f} GiB are free"
            )
    absent: list[Absence] = []
    present: list[tuple[type[Backend], str, Variant | None]] = []
    for backend in backends:
        ways: list[Variant | None] = []
        if reason := registry.missing(backend):
            absent.append(Absence(backend.name, "any", reason))
        else:
            ways += variants
        for environment in environments:
            if reason := environment.lacks(backend):
                absent.append(Absence(f"{backend.name}@{environment.name}", "any", reason))
            else:
                ways.append(environment.variant)
        on = [d for d in devices if d.partition(":")[0] in backend.devices]
        present += [(backend, device, way) for device in on for way in ways]
    if n_gpus == 0:
        hidden = "CUDA_VISIBLE_DEVICES" in os.environ
        where = "that CUDA_VISIBLE_DEVICES leaves to this run" if hidden else "on this machine"
        absent.append(Absence("every backend", "cuda", f"no NVIDIA GPU {where}"))

    def home(w: Workload, backend: type[Backend], device: str, variant: Variant | None) -> Home:
        return Home(
            backend.name,
            device,
            threads or w.threads or n_cores,
            variant,
            tf32=tf32 and device != "cpu",  # which has no such switch
            workload=w.name if cold else "",
        )

    entries = [
        Entry(w, backend, home(w, backend, device, variant))
        for w in workloads
        for backend, device, variant in present
        if w.method.kind in backend.methods
    ]
    if not entries:
        reasons = "; ".join(a.reason for a in absent if a.device == "any")
        raise UserError(
            "nothing to run: "
            + (reasons or "none of these backends solves these workloads on these devices")
        )
    used = [w for w in workloads if any(e.workload is w for e in entries)]
    homes = len({replace(entry.home, workload="") for entry in entries})
    replicates = replicates or min(MOST_REPLICATES, max(1, MOST_PROCESSES // homes))
    return Plan(used, entries, absent, replicates, cold, environments, tf32)
