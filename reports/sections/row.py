"""What stands behind one row: its samples, its phases, its checks, its log, how to repeat it."""

from __future__ import annotations

import shlex
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from markupsafe import Markup

from benchmarks.runfile import Record, of_kind
from reports import text
from reports.analysis.rows import Row
from reports.figures import timeline, times
from reports.sections.run import shown

#: Of a log the end is shown, at most so many lines of so many characters.
_LOG_LINES, _LOG_WIDTH = 15, 200
_LOG_BYTES = 65_536


@dataclass(frozen=True)
class Evidence:
    """What stands behind one row."""

    checks: list[dict[str, Any]]
    facts: list[tuple[str, str]]  # what the suite found out
    reported: list[tuple[str, str]]  # what the framework said of itself
    command: list[str]  # that repeats just this row, option by option as a shell takes it
    log: str  # the end of what its process printed
    timeline: Markup
    caption: str  # of the timeline


class Witness:
    """Gives the evidence for the rows of one run."""

    def __init__(self, records: Sequence[Record], folder: Path | None) -> None:
        """`folder` is the run's own, for its logs; None: there are none."""
        self.folder = folder
        self.header = records[0]
        self.workers = {record["worker"]: record for record in of_kind(records, "worker")}
        self.failures = {record["entry"]: record for record in of_kind(records, "failure")}

    def of(self, row: Row, workload: Record | None, brief: bool = False) -> Evidence:
        """All there is on one row; if `brief`, without samples and log, which take most room."""
        worker = self.workers.get(row.fit.get("worker"), {}) if row.fit else {}
        failure = self.failures.get(row.entry, {})
        description = (row.fit or {}).get("description") or {}
        return Evidence(
            checks=row.checks,
            facts=_facts(row, workload, worker),
            reported=[(text.line(key), shown(value)) for key, value in description.items()],
            command=self._command(row),
            log="" if brief else self._log(failure.get("log") or worker.get("log")),
            timeline=Markup("") if brief else timeline.timeline(row),
            caption=timeline.caption(row),
        )

    def _command(self, row: Row) -> list[str]:
        backend, _, revision = row.backend.partition("@")
        options: list[tuple[str, object]] = [
            ("--workloads", row.workload),
            ("--backends", backend),
            ("--devices", row.device),
        ]
        options += [("--threads", row.threads), ("--seed", self.header.get("seed", 0))]
        options += [("--plugin", plugin) for plugin in self.header.get("plugins") or []]
        options += [("--against", revision)] if revision else []
        quoted = [f"{name} {shlex.quote(text.line(value))}" for name, value in options]
        return ["linreg-bench run", *quoted]

    def _log(self, name: Any) -> str:
        """The end of a log, line by line printable; a run file may not point outside its folder."""
        if self.folder is None or not name:
            return ""
        try:
            logs = (self.folder / "logs").resolve()
            path = (self.folder / str(name)).resolve()
            if not path.is_relative_to(logs) or not path.is_file():
                return ""
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - _LOG_BYTES))
                lines = file.read().decode("utf-8", "replace").splitlines()
        except (OSError, ValueError):  # gone, not readable, or a name that no file can have
            return ""
        printable = [_cut(text.line(line)) for line in lines[-_LOG_LINES:]]
        left = len(lines) - len(printable)
        head = [f"… {text.count(left, 'line')} before"] if left else []
        return "\n".join(head + printable)


def _cut(line: str) -> str:
    return line if len(line) <= _LOG_WIDTH else line[: _LOG_WIDTH - 1] + "…"


#: What only makes sense on a device that is not the host, of "each further fit".
ON_DEVICES: dict[str, Callable[[Row], str]] = {
    "... of data on the host": lambda row: text.seconds(row.with_transfer_seconds),
    "... by the device's own clock": lambda row: text.seconds(row.device_seconds),
    "... energy of the GPU": lambda row: (
        text.MISSING if row.joules is None else f"{row.joules:.3g} J"
    ),
}


def _facts(row: Row, workload: Record | None, worker: Record) -> list[tuple[str, str]]:
    facts = [
        ("device", f"{text.line(row.device)}, {text.count(row.threads, 'thread')}"),
        ("style", text.line(row.style)),
    ]
    if row.weight_error is not None:
        facts.append(("error", f"{text.error(row.weight_error)} of {text.error(row.bound)}"))
    if row.times_floor is not None:
        floor = text.seconds(row.floor_seconds)
        facts.append(("against its floor", f"{text.times(row.times_floor)} of {floor}"))
    if row.peak_bytes is not None:
        facts.append(("memory of the first fit", text.amount(row.peak_bytes, "B")))
    facts += [
        (label, text.seconds(seconds))
        for field, (label, _) in times.PHASES.items()
        if (seconds := getattr(row, field)) is not None
    ]
    if row.device != "cpu":
        further = {head.replace("...", "a further fit"): of(row) for head, of in ON_DEVICES.items()}
        facts += [(head, cell) for head, cell in further.items() if cell != text.MISSING]
    if not row.fit:
        return facts
    weight = row.fit.get("weight") or []
    if len(weight) == 1:
        fitted = [text.number(weight[0]), text.number(row.fit.get("bias"))]
        known = [f"{value:.7g}" for value in fitted if value is not None]
        facts.append(("fitted weight and bias", ", ".join(known)))
    if row.fit.get("sha256") and workload:
        same = row.fit["sha256"] == workload.get("sha256")
        facts.append(("data", "the same bytes as everyone" if same else "OTHER BYTES"))
    if cores := row.fit.get("cores") or worker.get("cores"):
        facts.append(("cores", ", ".join(map(str, cores))))
    return facts
