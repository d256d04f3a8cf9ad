"""What machine this is: facts for the header of a run, and which cores to measure on."""

from __future__ import annotations

import os
import platform
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from importlib.metadata import distributions
from pathlib import Path
from typing import Any

import psutil

from benchmarks.engine import gpu

#: Distributions whose versions a reader of a report may need.
_PACKAGES = (
    *("torch", "tensorflow", "tensorflow-cpu", "keras", "scikit-learn", "numpy", "scipy"),
    *("jax", "jaxlib", "jax-cuda12-plugin", "jax-cuda13-plugin", "cupy-cuda12x", "cupy-cuda13x"),
    *("cuml-cu12", "cuml-cu13", "triton", "threadpoolctl", "pytest-benchmark"),
)


def usable_cores() -> list[int]:
    """The physical cores that this process may use, one hardware thread of each.

    A second hardware thread shares its core's arithmetic units: work placed there is measured
    against its own sibling. A container's CPU quota limits the number as well.
    """
    if not hasattr(os, "sched_getaffinity"):
        return list(range(psutil.cpu_count(logical=False) or 1))
    allowed = sorted(os.sched_getaffinity(0))
    firsts: dict[str, int] = {}
    for core in allowed:
        siblings = _read(f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list")
        firsts.setdefault(siblings or str(core), core)
    return sorted(firsts.values())[: _quota() or None]


def _quota() -> int | None:
    """Whole CPUs that the control group grants, if it limits them."""
    quota, _, period = (_read("/sys/fs/cgroup/cpu.max") or "max").partition(" ")
    return None if quota == "max" else max(1, int(quota) // int(period))


def gpus() -> list[dict[str, Any]]:
    """The NVIDIA GPUs that this process may use: name, memory_bytes, driver. Imports no framework.

    Where host and GPU share their memory, the driver does not say how much of it there is.
    """
    import pynvml

    def memory(handle: Any) -> int | None:
        with suppress(pynvml.NVMLError):
            return int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)
        return None

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        return [
            {
                "name": pynvml.nvmlDeviceGetName(handle),
                "memory_bytes": memory(handle),
                "driver": pynvml.nvmlSystemGetDriverVersion(),
            }
            for handle in gpu.handles()
        ]
    finally:
        pynvml.nvmlShutdown()


def state() -> dict[str, Any]:
    """What changes while a run lasts: load (processes), clock of the measured cores (MHz)."""
    try:
        clock = psutil.cpu_freq()
    except (OSError, NotImplementedError):  # not readable on some virtual machines
        clock = None
    return {
        "load": round(os.getloadavg()[0], 2),
        "clock_mhz": round(clock.current) if clock else None,
    }


class Watch:
    """Looks at the machine now and, when asked, says what went wrong since."""

    #: Share of the time that the hypervisor may give to others before it is worth a word.
    STEAL = 0.01
    #: Work of other processes, in whole cores.
    OTHERS = 0.3
    #: Change of the clock.
    CLOCK = 0.1

    def __init__(self) -> None:
        self._times, self._own, self._clock = psutil.cpu_times(), _own_seconds(), state()
        self._began = time.perf_counter()

    def troubles(self) -> list[str]:
        """What disturbed the measurement since this was made, a line each."""
        now, lasted = psutil.cpu_times(), time.perf_counter() - self._began
        spent = {key: value - getattr(self._times, key) for key, value in now._asdict().items()}
        found = []
        steal = spent.get("steal", 0.0) / max(sum(spent.values()), 1e-9)
        if steal > self.STEAL:
            found.append(f"the hypervisor took {steal:.0%} of the processor time for others")
        busy = sum(spent.get(key, 0.0) for key in ("user", "nice", "system"))
        others = (busy - (_own_seconds() - self._own)) / max(lasted, 1e-9)
        # The counters tick in hundredths of a second: a short stretch says nothing.
        if lasted > 1 and others > self.OTHERS:
            found.append(f"other processes kept {others:.1f} cores busy")
        before, after = self._clock["clock_mhz"], state()["clock_mhz"]
        if before and after and abs(after / before - 1) > self.CLOCK:
            found.append(f"the processor's clock went from {before} to {after} MHz")
        return found


def quietest(cores: Sequence[int], seconds: float = 0.3) -> list[int]:
    """The cores in the order of how much is going on there while this process sleeps.

    Of equally quiet ones the last comes first: the first cores tend to serve interrupts.
    """
    busy = psutil.cpu_percent(interval=seconds, percpu=True)
    if max(cores) >= len(busy):  # the system numbers them otherwise
        return list(reversed(cores))
    # The counters tick in hundredths of a second: finer differences mean nothing.
    return sorted(cores, key=lambda core: (round(busy[core], -1), -core))


def _own_seconds() -> float:
    """Processor time of this process and its children so far."""
    total = 0.0
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        with suppress(psutil.Error):
            times = process.cpu_times()
            total += times.user + times.system
    return total


def describe(cores_used: list[int]) -> dict[str, Any]:
    """Everything about the machine that a reader of its timings may want to know."""
    from cpuinfo import get_cpu_info

    found = {d.metadata["Name"].lower().replace("_", "-"): d.version for d in distributions()}
    return {
        "cpu": get_cpu_info().get("brand_raw") or platform.processor() or "unknown CPU",
        "architecture": platform.machine(),
        "cores": len(cores_used),
        "cores_used": cores_used,
        "memory_bytes": psutil.virtual_memory().total,
        "caches": _caches(),
        "os": _system(),
        "python": platform.python_version(),
        "packages": packages(found),
        "gpus": gpus(),
        "container": Path("/.dockerenv").exists() or Path("/run/.containerenv").exists(),
        **state(),
    }


def packages(installed: Mapping[str, str]) -> dict[str, str]:
    """Those of the installed distributions, version by name, that a reader may need."""
    return {name: installed[name] for name in _PACKAGES if name in installed}


def _system() -> str:
    """The operating system as a person calls it."""
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.platform(terse=True)
    return f"{name}, Linux {'.'.join(platform.release().split('.')[:2])}"


def _caches() -> dict[str, str]:
    """Size of each cache that the first core sees, such as {"L1d": "32K", "L3": "32768K"}."""
    sizes = {}
    for folder in sorted(Path("/sys/devices/system/cpu/cpu0/cache").glob("index*")):
        kind = {"Data": "d", "Instruction": "i"}.get(_read(folder / "type") or "", "")
        sizes[f"L{_read(folder / 'level')}{kind}"] = _read(folder / "size") or "?"
    return sizes


def _read(path: str | Path) -> str | None:
    try:
        return Path(path).read_text().strip()
    except OSError:
        return None
