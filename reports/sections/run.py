"""The facts of a run in words: the machine, what was run on it, and what could not take part."""

import json
import shlex
from collections.abc import Mapping, Sequence
from typing import Any

from benchmarks.runfile.header import Absence, GpuModel, Machine, MachineState
from benchmarks.runfile.records import GpuRecord
from benchmarks.runfile.run import Run
from reports import text
from reports.analysis.roofline import Best

#: Those of `GpuRecord`, with their units.
_GAUGES = {
    "clock_mhz": "MHz",
    "memory_clock_mhz": "MHz memory",
    "temperature": "°C",
    "watts": "W",
}


def machine(found: Machine) -> str:
    """The machine in one line."""
    parts = [
        found.cpu,
        text.count(found.cores, "core") if found.cores else "",
        f"{found.memory_bytes / 2**30:.0f} GiB" if found.memory_bytes else "",
        text.both([gpu.name for gpu in found.gpus]) or "no GPU",
        found.os,
        f"Python {found.python}" if found.python else "",
        "in a container" if found.container else "",
    ]
    return ", ".join(filter(None, parts))


def run_facts(run: Run) -> list[tuple[str, str]]:
    """What was run, when, of which version, and in what state the machine was."""
    header, before = run.header, run.header.machine
    after = run.footer.machine if run.footer else MachineState()
    suite = header.suite
    dirty = ", with changes that are not committed" if suite.dirty else ""
    commit = f"({suite.commit[:12]}{dirty})" if suite.commit else ""
    facts = [
        ("command", shlex.join(header.command)),
        ("started", header.started),
        ("seed", str(header.seed)),
        ("budget", "" if header.budget_seconds is None else f"{header.budget_seconds:g} s"),
        ("suite", f"{suite.version} {commit}".strip()),
        ("calibration", header.calibration),
        ("cores used", ", ".join(map(str, before.cores_used))),
        ("caches", _pairs(before.caches)),
        ("GPUs", "; ".join(map(_gpu_model, before.gpus))),
        ("load", _from_to(before.load, after.load, "{:.2f}")),
        ("clock", _from_to(before.clock_mhz, after.clock_mhz, "{:.0f} MHz")),
        ("packages", _pairs(before.packages)),
        ("TF32", "on for float32 products on CUDA" if header.tf32 else ""),
    ]
    states = run.of(GpuRecord)
    for number in sorted({state.gpu for state in states}):
        same = [state for state in states if state.gpu == number]
        facts.append((f"GPU {number}", _gpu_states(same)))
    for other in header.environments:
        said = f"Python {other.python}, {_pairs(other.packages)}; {other.executable}"
        facts.append((f"environment {other.name}", said))
    return [(name, value) for name, value in facts if value]


def _pairs(values: Mapping[str, str]) -> str:
    """Versions of packages, sizes of caches."""
    return ", ".join(f"{name} {value}" for name, value in values.items() if value)


def _gpu_model(gpu: GpuModel) -> str:
    memory = f"{gpu.memory_bytes / 2**30:.0f} GiB" if gpu.memory_bytes else ""
    return ", ".join(filter(None, [gpu.name, memory, gpu.driver and f"driver {gpu.driver}"]))


def _gpu_states(states: Sequence[GpuRecord]) -> str:
    """What a GPU's gauges showed before and after the samples of all workloads."""
    parts = []
    for gauge, unit in _GAUGES.items():
        shown = [getattr(state, gauge) for state in states]
        if known := [value for value in shown if value is not None]:
            parts.append(f"{min(known):.0f} to {max(known):.0f} {unit}")
    if reasons := dict.fromkeys(reason for state in states for reason in state.limited_by):
        parts.append(f"slowed down by {text.both(list(reasons))}")
    return ", ".join(parts)


def _from_to(start: float | None, end: float | None, form: str) -> str:
    known = [form.format(value) for value in (start, end) if value is not None]
    return " at the start, ".join(known) + (" at the end" if len(known) == 2 else "")


def absences(found: Sequence[Absence]) -> list[tuple[str, str]]:
    """What could not take part, and why; backends that share a reason in one line."""
    together: dict[tuple[str, str], list[str]] = {}
    for one in found:
        together.setdefault((one.device, one.reason), []).append(one.backend)
    said = []
    for (device, reason), names in together.items():
        what = text.both([name for name in names if name])
        said.append((" on ".join(filter(None, [what, device])), reason))
    return said


def shown(value: Any) -> str:
    """A value of a framework's description: text as it is, the rest as JSON."""
    return value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)


def rate(best: Best, unit: str) -> str:
    """The best rate, and by which share the median of all measurements is below it."""
    return f"{text.amount(best.value, unit)} (−{1 - best.typical / best.value:.0%})"
