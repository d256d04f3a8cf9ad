"""What machine this is, and which cores to measure on."""

import os
import platform
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import psutil

from backends.worker.installed import versions
from benchmarks.engine import gpu
from benchmarks.runfile.header import GpuModel, Machine, MachineState

#: Distributions whose versions a reader of a report may need.
_PACKAGES = (
    *("torch", "tensorflow", "tensorflow-cpu", "keras", "scikit-learn", "numpy", "scipy", "numba"),
    *("jax", "jaxlib", "jax-cuda12-plugin", "jax-cuda13-plugin", "cupy-cuda12x", "cupy-cuda13x"),
    *("cuml-cu12", "cuml-cu13", "triton", "threadpoolctl", "pytest-benchmark"),
)
_SYSTEM = Path("/sys")


def usable_cores(allowed: Sequence[int] | None = None, system: Path = _SYSTEM) -> list[int]:
    """The physical cores that this process may use, one hardware thread of each.

    The second hardware thread of a core shares its arithmetic units: work there would slow down
    its own sibling. The CPU quota of a container limits the number as well.
    `allowed` are hardware threads; by default those of this process.
    """
    if allowed is None:
        if not hasattr(os, "sched_getaffinity"):
            return list(range(psutil.cpu_count(logical=False) or 1))
        allowed = sorted(os.sched_getaffinity(0))
    firsts: dict[str, int] = {}
    for core in allowed:
        folder = system / f"devices/system/cpu/cpu{core}/topology"
        firsts.setdefault(_read(folder / "thread_siblings_list") or str(core), core)
    quota, _, period = (_read(system / "fs/cgroup/cpu.max") or "max").partition(" ")
    whole = None if quota == "max" else max(1, int(quota) // int(period))
    return sorted(firsts.values())[:whole]


def gpus() -> list[GpuModel]:
    """The NVIDIA GPUs that this process may use. Imports no framework."""
    import pynvml

    def memory(handle: object) -> int | None:
        with suppress(pynvml.NVMLError):  # where host and GPU share their memory
            return int(pynvml.nvmlDeviceGetMemoryInfo(handle).total)
        return None

    try:
        pynvml.nvmlInit()
    except pynvml.NVMLError:
        return []
    try:
        driver = pynvml.nvmlSystemGetDriverVersion()
        return [
            GpuModel(
                name=pynvml.nvmlDeviceGetName(handle), memory_bytes=memory(handle), driver=driver
            )
            for handle in gpu.handles()
        ]
    finally:
        pynvml.nvmlShutdown()


def state() -> MachineState:
    """The load and the clock now."""
    try:
        clock = psutil.cpu_freq()
    except (OSError, NotImplementedError):  # not readable on some virtual machines
        clock = None
    return MachineState(
        load=round(os.getloadavg()[0], 2), clock_mhz=round(clock.current) if clock else None
    )


@dataclass(frozen=True)
class Reading:
    """The machine's counters at one moment."""

    at: float  # seconds
    times: Mapping[str, float]  # processor seconds: user, idle, steal, ...
    own: float  # processor seconds of this process and its children
    clock_mhz: float | None


def reading() -> Reading:
    """The counters now."""
    at, times, own = time.perf_counter(), psutil.cpu_times()._asdict(), 0.0
    for process in [psutil.Process(), *psutil.Process().children(recursive=True)]:
        with suppress(psutil.Error):
            spent = process.cpu_times()
            own += spent.user + spent.system
    return Reading(at, times, own, state().clock_mhz)


#: Worth a warning: the share of the time that the hypervisor gave to others, the work of other
#: processes in whole cores, and a relative change of the clock.
STEAL, OTHERS, CLOCK = 0.01, 0.3, 0.1


def disturbances(before: Reading, after: Reading) -> list[str]:
    """What disturbed the measurement between two readings, a line each."""
    lasted = after.at - before.at
    spent = {use: value - before.times.get(use, 0.0) for use, value in after.times.items()}
    found = []
    steal = spent.get("steal", 0.0) / max(sum(spent.values()), 1e-9)
    if steal > STEAL:
        found.append(f"the hypervisor took {steal:.0%} of the processor time for others")
    busy = sum(spent.get(use, 0.0) for use in ("user", "nice", "system"))
    others = (busy - (after.own - before.own)) / max(lasted, 1e-9)
    # The counters tick in hundredths of a second: a short stretch says nothing.
    if lasted > 1 and others > OTHERS:
        found.append(f"other processes kept {others:.1f} cores busy")
    was, now = before.clock_mhz, after.clock_mhz
    if was and now and abs(now / was - 1) > CLOCK:
        found.append(f"the processor's clock went from {was:.0f} to {now:.0f} MHz")
    return found


def quietest(cores: Sequence[int], busy: Sequence[float] | None = None) -> list[int]:
    """The cores, those with least work of others first.

    Of equals the last comes first: the first cores tend to serve interrupts.
    `busy` is per cent of each core of the machine; by default it is measured.
    """
    busy = psutil.cpu_percent(interval=0.3, percpu=True) if busy is None else busy
    if max(cores) >= len(busy):  # the system numbers them otherwise
        return list(reversed(cores))
    # The counters tick in hundredths of a second: finer differences mean nothing.
    return sorted(cores, key=lambda core: (round(busy[core], -1), -core))


def describe(cores_used: Sequence[int]) -> Machine:
    """What a reader of its timings may need."""
    from cpuinfo import get_cpu_info

    return Machine(
        cpu=get_cpu_info().get("brand_raw") or platform.processor() or "unknown CPU",
        architecture=platform.machine(),
        cores=len(cores_used),
        cores_used=list(cores_used),
        memory_bytes=psutil.virtual_memory().total,
        caches=_caches(),
        os=_system_name(),
        python=platform.python_version(),
        packages=packages(versions()),
        gpus=gpus(),
        container=Path("/.dockerenv").exists() or Path("/run/.containerenv").exists(),
        **vars(state()),
    )


def packages(installed: Mapping[str, str]) -> dict[str, str]:
    """Those installed, version by name, that a reader may need."""
    return {name: installed[name] for name in _PACKAGES if name in installed}


def _system_name() -> str:
    """The operating system as a person calls it."""
    try:
        name = platform.freedesktop_os_release()["PRETTY_NAME"]
    except (OSError, KeyError):
        return platform.platform(terse=True)
    return f"{name}, Linux {'.'.join(platform.release().split('.')[:2])}"


def _caches() -> dict[str, str]:
    """Caches of the first core, such as {"L1d": "32K", "L3": "32768K"}."""
    sizes = {}
    for folder in sorted((_SYSTEM / "devices/system/cpu/cpu0/cache").glob("index*")):
        kind = {"Data": "d", "Instruction": "i"}.get(_read(folder / "type") or "", "")
        sizes[f"L{_read(folder / 'level')}{kind}"] = _read(folder / "size") or "?"
    return sizes


def _read(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None
