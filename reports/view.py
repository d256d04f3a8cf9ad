"""What a page says of a run: the records put in words and in the order of reading."""

from __future__ import annotations

import json
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from typing import Any

from benchmarks.results import Row, rows, workloads
from benchmarks.runfile import Record, of_kind
from reports import answer, descent, digits, figures, text
from reports.drawing import Picture


@dataclass(frozen=True)
class Evidence:
    """What stands behind one row."""

    checks: list[dict[str, Any]]
    facts: list[tuple[str, str]]


@dataclass(frozen=True)
class Section:
    """One workload."""

    name: str
    slug: str  # of its anchor and its files
    about: str
    facts: str
    answer: str
    baseline: str
    passed: list[Row]  # ranked ones first, then those that were not timed
    others: list[Row]
    once: list[Row]  # those whose time to the first answer is known, the shortest first
    labels: dict[str, str]
    evidence: dict[str, Evidence]
    ranking: Picture | None = None
    phases: Picture | None = None
    descent: list[tuple[Picture, str]] = field(default_factory=list)  # with captions

    @property
    def pictures(self) -> list[Picture]:
        """All that can be drawn of it."""
        timing = [picture for picture in (self.ranking, self.phases) if picture]
        return timing + [picture for picture, _ in self.descent]


@dataclass(frozen=True)
class View:
    """One run."""

    machine: str
    state: str  # how the run ended, if it did not end well
    facts: list[tuple[str, str]]
    warnings: list[str]
    absent: list[tuple[str, str]]  # what, and why
    sections: list[Section]
    digits: list[digits.Table]
    slugs: dict[str, str]  # of the sections' anchors, by workload


def view(records: Sequence[Record]) -> View:
    """Everything that a page shows, drawn and in words."""
    header = records[0]
    found: dict[str, list[Row]] = {}
    for row in rows(records):
        found.setdefault(row.workload, []).append(row)
    slugs = _slugs(found)
    known = workloads(records)
    workers = {record["worker"]: record for record in of_kind(records, "worker")}
    return View(
        machine=machine(header.get("machine") or {}),
        state=_state(records),
        facts=run_facts(records),
        warnings=[text.line(record["message"]) for record in of_kind(records, "warning")],
        absent=absent(header.get("absent") or []),
        sections=[
            _section(name, slugs[name], known.get(name), same, workers)
            for name, same in found.items()
        ],
        digits=digits.tables([row for same in found.values() for row in same], known),
        slugs=slugs,
    )


def _slugs(names: Iterable[str]) -> dict[str, str]:
    """Names fit for files and anchors, each its own."""
    result: dict[str, str] = {}
    for name in names:
        plain = re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")[:40] or "workload"
        slug, again = plain, 2
        while slug in result.values():
            slug, again = f"{plain}-{again}", again + 1
        result[name] = slug
    return result


def _state(records: Sequence[Record]) -> str:
    footers = of_kind(records, "footer")
    if not footers:
        return "This run has no end: it was cut off, or is still going on. Shown is what it has."
    if footers[-1].get("outcome") != "complete":
        return "This run was interrupted. Shown is what it measured until then."
    return ""


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
        ("packages", ", ".join(f"{text.line(k)} {text.line(v)}" for k, v in packages.items() if v)),
    ]
    return [(name, value) for name, value in facts if value]


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


def _section(
    name: str, slug: str, workload: Record | None, same: list[Row], workers: dict[Any, Record]
) -> Section:
    labels = text.labels(same)
    passed = [row for row in same if row.passed]
    timed = [row for row in passed if row.status == "passed"]
    once = [row for row in passed if row.once_seconds is not None]
    once.sort(key=lambda row: row.once_seconds or 0.0)
    return Section(
        name=text.line(name),
        slug=slug,
        about=text.line(workload.get("description", "")) if workload else "",
        facts=_facts(workload) if workload else "",
        answer=answer.sentence(same),
        baseline=text.line(next((row.baseline for row in passed if row.baseline), "")),
        passed=passed,
        others=[row for row in same if not row.passed],
        once=once,
        labels=labels,
        evidence={row.entry: _evidence(row, workload, workers) for row in same},
        ranking=figures.ranking(slug, timed, labels) if timed else None,
        phases=figures.phases(slug, once, labels) if once else None,
        descent=_descent(slug, workload, passed, labels) if workload else [],
    )


def _facts(workload: Record) -> str:
    """The workload's numbers in one line."""
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


def _evidence(row: Row, workload: Record | None, workers: dict[Any, Record]) -> Evidence:
    facts = [
        (label, text.seconds(seconds))
        for field_, (label, _) in figures.PHASES.items()
        if (seconds := getattr(row, field_)) is not None
    ]
    if row.fit:
        weight = row.fit.get("weight") or []
        if len(weight) == 1:
            fitted = [text.number(weight[0]), text.number(row.fit.get("bias"))]
            facts.append(("fitted weight and bias", ", ".join(f"{v:.7g}" for v in fitted if v)))
        if row.fit.get("sha256") and workload:
            same = row.fit["sha256"] == workload.get("sha256")
            facts.append(("data", "the same bytes as everyone" if same else "OTHER BYTES"))
        cores = workers.get(row.fit.get("worker"), {}).get("cores")
        if cores:
            facts.append(("cores", ", ".join(str(core) for core in cores)))
        description = row.fit.get("description") or {}
        facts += [(text.line(key), shown(value)) for key, value in description.items()]
    return Evidence(row.checks, facts)


def _descent(
    slug: str, workload: Record, passed: list[Row], labels: dict[str, str]
) -> list[tuple[Picture, str]]:
    """The tutorial's pictures, of any descent on one feature, with their captions."""
    if (workload.get("method") or {}).get("kind") != "gradient descent":
        return []
    fitted = [row for row in passed if row.fit]
    result = []
    if points := workload.get("points"):
        result.append((descent.data(slug, points), "The data: train on blue, predict green."))
        if fitted and points["X_test"]:
            picture, spread = descent.predictions(slug, points, fitted)
            apart = f"no two differ by more than {spread:.1e}" if spread else "all the same"
            backends = text.count(len(fitted), "backend")
            result.append((picture, f"Predictions of {backends} in red: {apart}."))
    for which, when in (("train", "before each step"), ("test", "after each step")):
        if loss := descent.losses(slug, which, fitted, labels):
            caption = f"The {which} loss {when}: curves that agree lie in each other."
            result.append((loss, caption))
    return result
