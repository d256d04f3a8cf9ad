"""What a worker of the cluster is asked first: on which machine, and of which revision, it is."""

import hashlib
import os
import socket
from collections.abc import Hashable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from benchmarks.engine import machine
from benchmarks.engine.process import ROOT
from benchmarks.engine.variants import git
from benchmarks.runfile.header import Machine

#: It is the same in all containers of a machine, and another after each start of the machine.
_BOOT = Path("/proc/sys/kernel/random/boot_id")


@dataclass(frozen=True)
class Place:
    """Cores of a machine, which measure one workload at a time."""

    name: str  # fit for a folder
    key: Hashable  # workers that have the same one share the cores
    machine: Machine
    sources: str  # SHA-256 of what measures
    commit: str

    def differs(self, other: "Place") -> str:
        """Why another place would not do the same work as this one; empty if it would."""
        if self.sources == other.sources:
            return ""
        here, there = (one.commit[:12] or "no commit" for one in (self, other))
        if here == there:
            return f"the suite differs from the one here, at the same commit ({here})"
        return f"the suite is another revision ({there}) than here ({here})"


def look(cores: Sequence[int] = ()) -> Place:
    """Where this process is; of its usable cores only `cores` count, if there are any."""
    usable = machine.usable_cores()
    used = [core for core in usable if core in cores] if cores else usable
    host = socket.gethostname()
    try:
        boot = _BOOT.read_text().strip()
    except OSError:
        boot = host
    part = "" if used == machine.usable_cores(range(os.cpu_count() or 1)) else _ranges(used)
    return Place(
        name="-cores-".join(filter(None, [_plain(host), part])),
        key=(boot, tuple(used)),
        machine=machine.describe(used),
        sources=sources(),
        commit=(git("rev-parse", "HEAD") or b"").decode().strip(),
    )


def kind(found: Machine) -> Hashable:
    """What identical machines have in common."""
    gpus = tuple(gpu.name for gpu in found.gpus)
    return found.cpu, found.cores, round(found.memory_bytes / 2**30), gpus


def _plain(name: str) -> str:
    """A name that is fit for a folder."""
    return "".join(c if c.isalnum() or c in "-_." else "-" for c in name).strip(".") or "machine"


def _ranges(numbers: Sequence[int]) -> str:
    """`0-3_8` for 0, 1, 2, 3 and 8."""
    runs: list[list[int]] = []
    for number in sorted(numbers):
        if runs and number == runs[-1][-1] + 1:
            runs[-1].append(number)
        else:
            runs.append([number])
    return "_".join(f"{r[0]}-{r[-1]}" if len(r) > 1 else f"{r[0]}" for r in runs) or "none"


@cache
def sources() -> str:
    """SHA-256 of the Python files that measure, with their names."""
    digest = hashlib.sha256()
    for package in ("backends", "benchmarks"):
        for path in sorted((ROOT / package).rglob("*.py")):
            digest.update(f"{path.relative_to(ROOT)}\0".encode())
            digest.update(hashlib.sha256(path.read_bytes()).digest())
    return digest.hexdigest()
