"""Time to accuracy: gradient descent and closed forms on the same data, on one axis.

The error is ||b - b_ls|| / ||b_ls|| over weight and bias, b_ls the least-squares solution in higher
precision. A closed form is one point: its time, and the error of its fit. A descent is a curve. An
epoch takes the time of a fit divided by the number of epochs. The error after it is that of the
float64 reference, whose losses every passed entry has matched. Where an entry's own fit ends at a
larger error than the reference, as float32 does, its curve stops there.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matplotlib.axes import Axes

from benchmarks.estimates import Estimate
from benchmarks.runfile.records import WorkloadRecord
from benchmarks.runfile.run import Run
from reports import text
from reports.analysis.rows import Row, by_workload
from reports.figures.axes import Curve, log_log
from reports.figures.drawing import INK, Picture, looks

#: The errors to which a table gives the time.
TOLERANCES = (1e-3, 1e-6)
#: Errors below this are drawn at it: further decades would say nothing, and take up room.
_LEAST = 1e-16
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class ErrorCurve:
    """How the error of one timed entry falls; the curve of a closed form is one point."""

    row: Row
    time: Estimate  # of a whole fit, seconds
    errors: np.ndarray  # (n,), after each of n equal parts of the fit

    @property
    def seconds(self) -> np.ndarray:
        """The times of the errors from the start of a fit, (n,)."""
        n = len(self.errors)
        return self.time.value * np.arange(1, n + 1) / n

    @property
    def error(self) -> float:
        """At the end."""
        return float(self.errors[-1])

    def time_to(self, tolerance: float) -> Estimate | None:
        """Seconds until the error is within `tolerance` and stays there; None: it never is."""
        beyond = np.flatnonzero(~(self.errors <= tolerance))
        parts = int(beyond[-1]) + 2 if len(beyond) else 1
        if parts > len(self.errors):
            return None
        share, time = parts / len(self.errors), self.time
        return Estimate(share * time.value, share * time.low, share * time.high)


@dataclass(frozen=True)
class Race:
    """All timed entries of a descent and of the least-squares workloads on the same data."""

    number: int
    descent: str  # names of workloads
    closed: list[str]
    curves: list[ErrorCurve]
    #: The error of the truth: differences below it say nothing about the world the data are from.
    #: 0 without noise, up to rounding; None if the truth is not known.
    statistical: float | None

    @cached_property
    def labels(self) -> dict[str, str]:
        """The names of the entries, by id."""
        return text.labels([curve.row for curve in self.curves])

    @property
    def title(self) -> str:
        """The workloads that take part."""
        return f"{self.descent} and {text.both(self.closed)}"

    @property
    def ranked(self) -> list[ErrorCurve]:
        """The first to reach the last tolerance first; then those that never do, as they stand."""

        def end(curve: ErrorCurve) -> float:
            reached = curve.time_to(TOLERANCES[-1])
            return reached.value if reached else math.inf

        return sorted(self.curves, key=end)

    def method(self, curve: ErrorCurve) -> str:
        """Which of the two kinds it is."""
        return "descent" if curve.row.entry.workload == self.descent else "closed form"

    @cached_property
    def sentence(self) -> str:
        """The first of either kind, from the last tolerance to the first."""
        said = []
        for tolerance in reversed(TOLERANCES):
            first = []
            for kind in ("closed form", "descent"):
                there = [
                    (reached.value, self.labels[curve.row.entry.id])
                    for curve in self.curves
                    if self.method(curve) == kind and (reached := curve.time_to(tolerance))
                ]
                seconds, name = min(there, default=(0.0, ""))
                takes = f"{name} ({kind}) takes {text.seconds(seconds)}"
                first.append(takes if there else f"no {kind} does")
            said.append(f"{power_of_ten(tolerance)}, {', '.join(first)}")
        return f"To reach the least-squares solution within {'; within '.join(said)}."

    @cached_property
    def picture(self) -> Picture:
        """A descent is a curve of its error over time, a closed form is a point."""
        drawn, said = [], []
        for kind in ("descent", "closed form"):
            same = [curve for curve in self.curves if self.method(curve) == kind]
            for curve, look in zip(same, looks([curve.row for curve in same]), strict=True):
                label, errors = self.labels[curve.row.entry.id], np.maximum(curve.errors, _LEAST)
                line = Curve(label, look.colour, [curve.time], errors, look.marker, "none")
                if kind == "descent":
                    times = curve.seconds
                    line = Curve(label, look.colour, times, errors, dashes=look.dashes, width=1.6)
                drawn.append(line)
                said.append(f"{label}: {text.error(curve.error)} after {text.seconds(curve.time)}")
        truth = self.statistical or 0.0

        def draw_truth(axes: Axes) -> None:
            if truth > 1e-12:
                label = "distance of the truth"
                axes.axhline(truth, color=INK, lw=0.8, ls=(0, (2, 2)), label=label)

        alt = f"Error against the least-squares solution over time. {'; '.join(said)}"
        y = "error against least squares, log scale"
        scales = ("time, log scale", text.tick), (y, power_of_ten)
        return log_log(f"accuracy-{self.number}", alt, drawn, scales, draw_truth)


def races(run: Run, rows: Sequence[Row]) -> list[Race]:
    """The descents of a run whose data some least-squares workload of it has, too."""
    timed = by_workload(row for row in rows if row.status == "passed")
    workloads = [run.workloads[name] for name in timed if name in run.workloads]
    found: list[Race] = []
    for descent in workloads:
        alike = [twin for twin in workloads if twin.sha256 == descent.sha256 != ""]
        closed = [twin.name for twin in alike if twin.method.kind == "least squares"]
        if descent.method.epochs == 0 or descent.descent_errors is None or not closed:
            continue
        curves = [_curve(row, descent) for row in timed[descent.name]]
        curves += [_point(row) for name in closed for row in timed[name]]
        known = [curve for curve in curves if curve]
        statistical = None
        if descent.weight is not None and descent.bias is not None:
            statistical = _error(np.array([*descent.weight, descent.bias]), descent)
        found.append(Race(len(found) + 1, descent.name, closed, known, statistical))
    return found


def _curve(row: Row, workload: WorkloadRecord) -> ErrorCurve | None:
    own = None if row.coefficients is None else _error(row.coefficients, workload)
    if own is None or row.time is None or workload.descent_errors is None:
        return None
    reference = np.array(workload.descent_errors[1:-1])
    return ErrorCurve(row, row.time, np.append(np.maximum(reference, own), own))


def _point(row: Row) -> ErrorCurve | None:
    error = row.verdict.weight_error if row.verdict else None
    if error is None or row.time is None:
        return None
    return ErrorCurve(row, row.time, np.array([error]))


@np.errstate(over="ignore")  # numbers of an edited file
def _error(coefficients: np.ndarray, workload: WorkloadRecord) -> float | None:
    """The error of coefficients; None where it is no number, or their number is wrong."""
    solution = np.array(workload.solution or ())
    size = float(np.linalg.norm(solution))
    if len(coefficients) != len(solution) or not 0 < size < np.inf:
        return None
    error = float(np.linalg.norm(coefficients - solution)) / size
    return error if np.isfinite(error) else None


def power_of_ten(value: float) -> str:
    """`10⁻³`."""
    return "10" + str(round(math.log10(value))).translate(_SUPERSCRIPT)
