"""Time to accuracy: gradient descent and closed forms on the same data, on one axis.

The error is ||b - b_ls|| / ||b_ls|| over weight and bias, b_ls the least-squares solution in higher
precision. A closed form is one point: its time, and the error of its fit. A descent is a curve. An
epoch takes the time of a fit divided by the number of epochs. The error after it is that of the
float64 reference, whose losses every passed entry has matched. Where an entry's own fit ends at a
larger error than the reference, as float32 does, its curve stops there.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from benchmarks.estimates import Estimate
from benchmarks.runfile.records import WorkloadRecord
from benchmarks.runfile.run import Run
from reports.analysis.rows import Row, by_workload

#: The errors to which a table gives the time.
TOLERANCES = (1e-3, 1e-6)


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

    descent: str  # names of workloads
    closed: list[str]
    curves: list[ErrorCurve]
    #: The error of the truth: differences below it say nothing about the world the data are from.
    #: 0 without noise, up to rounding; None if the truth is not known.
    statistical: float | None


def races(run: Run, rows: Sequence[Row]) -> list[Race]:
    """The descents of a run whose data some least-squares workload of it has, too."""
    timed = by_workload(row for row in rows if row.status == "passed")
    workloads = [run.workloads[name] for name in timed if name in run.workloads]
    found = []
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
        found.append(Race(descent.name, closed, known, statistical))
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
