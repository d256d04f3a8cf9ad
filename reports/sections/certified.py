"""Correct digits on certified data: backends by data sets, and a sentence that says who loses."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from benchmarks.gate.verdict import Digits
from benchmarks.runfile.records import WorkloadRecord
from reports import text
from reports.analysis.rows import Row
from reports.figures import axes as axes_of
from reports.figures import drawing
from reports.figures.drawing import INK, NARROW, PAPER, WIDTH, Picture


@dataclass(frozen=True)
class CertifiedTable:
    """All certified sets of one dtype."""

    number: int
    dtype: str
    sets: Mapping[str, str]  # what they are called, by the names of their workloads
    rows: Sequence[Row]

    @cached_property
    def backends(self) -> dict[str, dict[str, Row]]:
        """The rows by backend and workload."""
        labels, found = text.labels(self.rows), dict[str, dict[str, Row]]()
        for row in self.rows:
            found.setdefault(labels[row.entry.id], {})[row.entry.workload] = row
        return found

    @cached_property
    def digits(self) -> dict[str, Digits]:
        """Those of any fit, by workload: what is possible there, and what can be counted."""
        return {row.entry.workload: d for row in self.rows if (d := digits_of(row))}

    @property
    def most(self) -> float:
        """How many digits can be counted."""
        return next(iter(self.digits.values())).most or 1.0

    @cached_property
    def sentence(self) -> str:
        """Who has most digits, and who loses most against that."""
        sets = text.count(len(self.sets), "certified data set")
        whole: dict[str, list[tuple[float, str]]] = {}
        for backend, of in self.backends.items():
            known = [(d.least, name) for name in self.sets if (d := digits_of(of.get(name)))]
            if len(known) == len(self.sets):
                whole[backend] = known
        if not whole:
            return f"No backend has a fit of all {sets}."
        best = max(whole, key=lambda backend: sum(least for least, _ in whole[backend]))
        middle, (least, where) = median(least for least, _ in whole[best]), min(whole[best])
        said = f"{best} has most correct digits on {sets}: {middle:.1f} in the median, "
        said += f"at worst {least:.1f} on {self.sets[where]}."
        if len(self.sets) == 1:
            said = f"{best} has most correct digits on {self.sets[where]}: {least:.1f}."
        losses = [
            (theirs - own.least, backend, name, own.least, theirs)
            for backend, of in self.backends.items()
            for theirs, name in whole[best]
            if name in of and of[name].status == "failed" and (own := digits_of(of[name]))
        ]
        if losses and max(losses)[0] > 1:
            _, backend, name, own, theirs = max(losses)
            failed = sum(row.status == "failed" for row in self.backends[backend].values())
            said += (
                f" {backend} fails on {failed} of them: it has {own:.1f} on {self.sets[name]}, "
                f"where {best} has {theirs:.1f}."
            )
        return said

    @cached_property
    def picture(self) -> Picture:
        """Correct digits of every fit, 0 where there is none; a bar is the median of a backend."""
        judged: dict[str, list[Row]] = {}
        for name, of in self.backends.items():
            if rows := [row for row in of.values() if row.passed or row.status == "failed"]:
                judged[name] = rows
        found = {
            name: np.array([d.least if (d := digits_of(row)) else 0.0 for row in rows])
            for name, rows in judged.items()
        }

        def draw(figure: Figure) -> None:
            axes = figure.add_subplot()
            for index, (name, rows) in enumerate(judged.items()):
                colour = drawing.framework_colour(rows[0].entry.framework)
                failed = np.array([row.status == "failed" for row in rows])
                level = np.full(len(rows), float(index))
                middle = np.median(found[name])
                axes.vlines(middle, index - 0.32, index + 0.32, color=colour, lw=2.2)
                axes.plot(found[name][failed], level[failed], "x", color=colour, ms=5, mew=1.2)
                right = axes.plot(found[name][~failed], level[~failed], "o", mfc=colour, ms=5.5)
                right[0].set(mec=PAPER, mew=0.8)
            axes_of.name_rows(axes, list(judged))
            axes.set_xlim(-0.02 * self.most, 1.02 * self.most)
            axes.set_xlabel("correct digits, at least, in each data set")
            looks = {"right": ("o", 6), "failed the gate": ("x", 6), "median": ("|", 9)}
            keys = [
                Line2D([], [], color=INK, ls="none", marker=marker, ms=size, mew=1.2, label=label)
                for label, (marker, size) in looks.items()
            ]
            figure.legend(handles=keys, loc="outside upper left", ncols=3)

        alt = "Correct digits on certified data. " + "; ".join(
            f"{name}: {np.median(values):.1f} in the median, {values.min():.1f} at worst"
            for name, values in found.items()
        )
        height = axes_of.height(len(judged))
        name = f"digits-{self.number}"
        return drawing.picture(name, alt, (WIDTH, height), draw, (NARROW, height))


def certified_tables(
    workloads: Mapping[str, WorkloadRecord], rows: Sequence[Row]
) -> list[CertifiedTable]:
    """One for each dtype in which a run has certified sets; most runs have none."""
    dtypes: dict[str, dict[str, str]] = {}
    for name, workload in workloads.items():
        if workload.certified:
            dtypes.setdefault(workload.dtype, {})[name] = _set_name(name)
    found: list[CertifiedTable] = []
    for dtype, sets in dtypes.items():
        same = [row for row in rows if row.entry.workload in sets]
        if any(map(digits_of, same)):
            found.append(CertifiedTable(len(found) + 1, dtype, sets, same))
    return found


def digits_of(row: Row | None) -> Digits | None:
    """The correct digits of a row's fit; None if it has none."""
    return row.verdict.digits if row and row.verdict else None


def _set_name(workload: str) -> str:
    """What a set is called: `nist-wampler1-float32` is wampler1."""
    return workload.removeprefix("nist-").removesuffix("-float32").removesuffix(".dat")
