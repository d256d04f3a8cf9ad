"""Correct digits on certified data: backends by data sets, and a sentence that says who loses."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from statistics import median
from typing import Any

from matplotlib.figure import Figure

from benchmarks.runfile.records import WorkloadRecord
from benchmarks.verdict import Digits
from reports import text
from reports.analysis.rows import Row
from reports.figures.axes import height, marker_key, name_rows
from reports.figures.drawing import NARROW, PAPER, WIDTH, Picture, framework_colour, picture

#: How fits are drawn, by what became of them.
_LOOKS: dict[str, dict[str, Any]] = {
    "right": {"marker": "o", "mec": PAPER, "mew": 0.8},
    "failed": {"marker": "x", "mfc": "none", "mew": 1.2},
    "not judged": {"marker": "o", "mfc": "none", "mew": 1.2},
}


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
        """Those of any fit, by workload: they say what is possible there."""
        return {row.entry.workload: found for row in self.rows if (found := digits_of(row))}

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
        middle, (least, where) = median(digits for digits, _ in whole[best]), min(whole[best])
        most, worst = f"{best} has most correct digits on", self.sets[where]
        said = f"{most} {sets}: {middle:.1f} in the median, at worst {least:.1f} on {worst}."
        if len(self.sets) == 1:
            said = f"{most} {worst}: {least:.1f}."
        losses = [
            (theirs - own.least, backend, name, own.least, theirs)
            for backend, of in self.backends.items()
            for theirs, name in whole[best]
            if name in of and of[name].status == "failed" and (own := digits_of(of[name]))
        ]
        if losses and max(losses)[0] > 1:
            _, backend, name, fewest, theirs = max(losses)
            failed = sum(row.status == "failed" for row in self.backends[backend].values())
            said += f" {backend} fails on {failed} of them: it has {fewest:.1f} on "
            said += f"{self.sets[name]}, where {best} has {theirs:.1f}."
        return said

    @cached_property
    def picture(self) -> Picture:
        """Correct digits of every fit, 0 where there is none; a bar is the median of a backend."""
        points: dict[str, list[tuple[float, str]]] = {}  # digits, and what became of the fit
        colours = {}
        for name, of in self.backends.items():
            for row in of.values():
                if row.passed or row.status in _LOOKS:
                    least = digits.least if (digits := digits_of(row)) else 0.0
                    status = "right" if row.passed else row.status
                    points.setdefault(name, []).append((least, status))
                    colours[name] = framework_colour(row.entry.framework)

        def draw(figure: Figure) -> None:
            axes = figure.add_subplot()
            for level, (name, found) in enumerate(points.items()):
                colour, middle = colours[name], median(least for least, _ in found)
                axes.vlines(middle, level - 0.32, level + 0.32, color=colour, lw=2.2)
                for status, look in _LOOKS.items():
                    there = [least for least, of in found if of == status]
                    places = [level] * len(there)
                    axes.plot(there, places, ls="none", color=colour, ms=5.5, **look)
            name_rows(axes, list(points))
            axes.set_xlim(-0.02 * self.most, 1.02 * self.most)
            axes.set_xlabel("correct digits, at least, in each data set")
            keys = [
                marker_key("right", marker="o"),
                marker_key("failed the gate", marker="x"),
                marker_key("not judged", marker="o", mfc="none"),
                marker_key("median", marker="|", ms=9, mew=2.2),
            ]
            figure.legend(handles=keys, loc="outside upper left", ncols=len(keys))

        said = [
            f"{name}: {median(n for n, _ in found):.1f} in the median, {min(found)[0]:.1f} at worst"
            for name, found in points.items()
        ]
        alt, inches = f"Correct digits on certified data. {'; '.join(said)}", height(len(points))
        return picture(f"digits-{self.number}", alt, (WIDTH, inches), draw, (NARROW, inches))


def certified_tables(
    workloads: Mapping[str, WorkloadRecord], rows: Sequence[Row]
) -> list[CertifiedTable]:
    """One for each dtype in which a run has certified sets; most runs have none."""
    found: list[CertifiedTable] = []
    for dtype in dict.fromkeys(workload.dtype for workload in workloads.values()):
        sets = {
            # `nist-wampler1-float32` is called wampler1.
            name: name.removeprefix("nist-").removesuffix("-float32").removesuffix(".dat")
            for name, workload in workloads.items()
            if workload.certified and workload.dtype == dtype
        }
        same = [row for row in rows if row.entry.workload in sets]
        if any(map(digits_of, same)):
            found.append(CertifiedTable(len(found) + 1, dtype, sets, same))
    return found


def digits_of(row: Row | None) -> Digits | None:
    """The correct digits of a row's fit; None if it has none."""
    return row.verdict.digits if row and row.verdict else None
