"""How much memory there is for this run, and how much a process has of its own."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

import psutil

from benchmarks.problems.workloads import Workload

#: A descent needs so many times its data: in the page cache, the framework and the reference.
_COPIES = 4
_SYSTEM, _PROCESSES = Path("/sys"), Path("/proc")


def available(system: Path = _SYSTEM, processes: Path = _PROCESSES) -> int:
    """Bytes that this process and its children may still take.

    The least that the machine and each of the process's control groups have left, in either version
    of Linux's interface. What the system keeps of files counts as left: it gives that back.
    """
    return min([psutil.virtual_memory().available, *_left(system, processes)])


def needed(workload: Workload, copies: float, device: str) -> float:
    """Bytes that a fit needs; for one on a GPU, the host needs them only to copy them there."""
    if workload.method.kind == "gradient descent":
        copies = _COPIES
    elif device != "cpu":
        copies = 0.0
    return copies * workload.bytes


def lacking(needed: float, available: int) -> str:
    """Why there is too little memory, in words; both in bytes."""
    return f"needs about {needed / 2**30:,.1f} GiB of memory; {available / 2**30:,.1f} GiB are free"


def own(pid: int) -> int:
    """Resident bytes of a process without those of mapped files, which the system can take back.

    Raises:
        psutil.Error: it is gone.
    """
    info = psutil.Process(pid).memory_info()
    return int(info.rss - getattr(info, "shared", 0))


def _left(system: Path, processes: Path) -> Iterator[int]:
    """What each control group leaves that has a limit."""
    try:
        groups = (processes / "self/cgroup").read_text()
    except OSError:  # another system than Linux
        return
    for controllers, path in re.findall(r"^\d+:([^:]*):/?(.*)$", groups, re.M):
        old = "memory" in controllers.split(",")
        if controllers and not old:
            continue
        root = system / "fs/cgroup" / ("memory" if old else "")
        names = ("memory.limit_in_bytes", "memory.usage_in_bytes") if old else _NAMES
        # A container may see its own group as the root, under a path that only the host has.
        for folder in (root / path, *(root / path).parents):
            with suppress(OSError, ValueError):
                limit, used = (int((folder / name).read_text()) for name in names)
                kept = re.findall(_KEPT[old], (folder / "memory.stat").read_text(), re.M)
                yield max(0, limit - used + sum(map(int, kept)))
            if folder == root:
                break


_NAMES = ("memory.max", "memory.current")  # the limit may be the word "max": there is none
#: Pages of files, by whether the interface is the old one.
_KEPT = {
    False: r"^(?:in)?active_file (\d+)$",
    True: r"^total_(?:in)?active_file (\d+)$",
}
