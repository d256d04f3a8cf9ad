"""The facts of a run in words: the machine, what was run on it, and what could not take part."""

from __future__ import annotations

import json
import shlex
from collections.abc import Sequence
from typing import Any

from benchmarks.runfile import Record, of_kind
from reports import text


def machine(found: Record) -> str:
    """The machine in one line."""
    gpus = [text.line(gpu.get("name", "GPU")) for gpu in found.get("gpus") or []]
    parts = [
        text.line(found.get("cpu") or "unknown CPU"),
        text.count(found["cores"], "core") if found.get("cores") else "",
        f"{found['memory_bytes'] / 2**30:.0f} GiB" if found.get("memory_bytes") else "",
        text.both(gpus) if gpus else "no GPU",
        text.line(found.get("os") or ""),
        f"Python {text.line(found['python'])}" if found.get("python") else "",
        "in a container" if found.get("container") else "",
    ]
    return ", ".join(filter(None, parts))


def run_facts(records: Sequence[Record]) -> list[tuple[str, str]]:
    """What was run, when, of which version, and in what state the machine was."""
    header = records[0]
    before = header.get("machine") or {}
    footers = of_kind(records, "footer")
    after = (footers[-1].get("machine") if footers else None) or {}
    suite = header.get("suite") or {}
    commit = text.line(suite.get("commit") or "")[:12]
    dirty = ", with changes that are not committed" if suite.get("dirty") else ""
    packages = before.get("packages") or {}
    budget = header.get("budget_seconds")
    facts = [
        ("command", shlex.join(text.line(part) for part in header.get("command") or [])),
        ("started", text.line(header.get("started") or "")),
        ("seed", text.line(header.get("seed", ""))),
        ("budget", "" if budget is None else f"{budget:g} s"),
        (
            "suite",
            f"{text.line(suite.get('version', ''))} {commit and f'({commit}{dirty})'}".strip(),
        ),
        ("calibration", text.line((header.get("calibration") or {}).get("line") or "")),
        ("cores used", ", ".join(str(core) for core in before.get("cores_used") or [])),
        ("caches", _caches(before.get("caches") or {})),
        ("GPUs", "; ".join(shown(gpu) for gpu in before.get("gpus") or [])),
        ("load", _from_to(before.get("load"), after.get("load"), "{:.2f}")),
        ("clock", _from_to(before.get("clock_mhz"), after.get("clock_mhz"), "{:.0f} MHz")),
        ("packages", _packages(packages)),
        ("TF32", "on for float32 products on CUDA" if header.get("tf32") else ""),
    ]
    facts += [
        (f"GPU {number}", _gpu(states)) for number, states in _by_gpu(of_kind(records, "gpu"))
    ]
    facts += [
        (
            f"environment {text.line(other['name'])}",
            f"Python {text.line(other['python'])}, {_packages(other['packages'])}; "
            f"{text.line(other['executable'])}",
        )
        for other in header.get("environments") or []
    ]
    return [(name, value) for name, value in facts if value]


def _by_gpu(states: Sequence[Record]) -> list[tuple[int, list[Record]]]:
    numbers = sorted({state["gpu"] for state in states})
    return [(n, [state for state in states if state["gpu"] == n]) for n in numbers]


def _gpu(states: Sequence[Record]) -> str:
    """What a GPU's gauges showed before and after the samples of all workloads."""
    gauges = {"clock_mhz": "MHz", "memory_clock_mhz": "MHz memory", "temperature": "°C"}
    parts = []
    for gauge, unit in (gauges | {"watts": "W"}).items():
        if known := [state[gauge] for state in states if state.get(gauge) is not None]:
            parts.append(f"{min(known):.0f} to {max(known):.0f} {unit}")
    limits = dict.fromkeys(text.line(w) for s in states for w in s.get("limited_by") or [])
    parts += [f"slowed down by {text.both(list(limits))}"] if limits else []
    return ", ".join(parts)


def _packages(versions: Record) -> str:
    return ", ".join(f"{text.line(k)} {text.line(v)}" for k, v in versions.items() if v)


def _caches(sizes: Record) -> str:
    known = {name: text.number(size) for name, size in sizes.items()}
    return ", ".join(f"{text.line(k)} {v / 1024:,.0f} KiB" for k, v in known.items() if v)


def _from_to(start: float | None, end: float | None, form: str) -> str:
    known = [form.format(value) for value in (start, end) if value is not None]
    return " at the start, ".join(known) + (" at the end" if len(known) == 2 else "")


def absent(found: Sequence[Record]) -> list[tuple[str, str]]:
    """What could not take part, and why; backends that share a reason in one line."""
    together: dict[tuple[str, str], list[str]] = {}
    for record in found:
        device, reason = text.line(record.get("device") or ""), text.line(record.get("reason", ""))
        names = together.setdefault((device, reason), [])
        if record.get("backend"):
            names.append(text.line(record["backend"]))
    return [
        (" on ".join(filter(None, [text.both(names), device])), reason)
        for (device, reason), names in together.items()
    ]


def shown(value: Any) -> str:
    """A value out of a description or a machine: text as it is, the rest as JSON."""
    return text.line(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False))


def workload_facts(workload: Record) -> str:
    """A workload's numbers in one line."""
    method = workload.get("method") or {}
    parts = [text.line(method.get("kind", ""))]
    if method.get("loss"):
        parts.append(
            f"{text.line(method['loss'])} loss, learning rate {method.get('learning_rate')}, "
            f"{method.get('epochs')} epochs"
        )
    if workload.get("n_samples"):
        parts.append(f"{workload['n_samples']:,} × {workload['n_features']:,}")
        parts.append(text.line(workload["dtype"]))
    if workload.get("n_test"):
        parts.append(text.count(workload["n_test"], "test sample"))
    if (condition := text.number(workload.get("condition"))) is not None:
        parts.append(f"condition number {condition:.2g}")
    if (sigma := text.number(workload.get("sigma"))) is not None:
        parts.append(f"noise {sigma:g}" if sigma else "no noise")
    parts.append(text.line(workload.get("note") or ""))
    return " · ".join(filter(None, parts))
