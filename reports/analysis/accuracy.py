"""Time to accuracy: gradient descent and closed forms on the same data, on one axis.

The error is ||b - b_ls|| / ||b_ls|| over weight and bias, b_ls the least-squares solution in higher
precision. A closed form is one point: its time, and the error of its fit. A descent is a curve. Its
time per epoch is that of a whole fit by the number of epochs; the error after each is that of the
float64 reference, which the gate has held every epoch's losses to. Where an entry's own fit ends at
a larger error than the reference, as float32 does, its curve goes no lower than that.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np

from benchmarks.estimates import Estimate
from benchmarks.runfile import Record, of_kind
from reports.analysis.rows import Row

#: What a table gives the time to.
TOLERANCES = (1e-3, 1e-6)


@dataclass(frozen=True)
class Path:
    """How the error of one timed entry falls; a closed form is a path of one point."""

    row: Row
    seconds: np.ndarray  # (n,), from the start of a fit
    errors: np.ndarray  # (n,)

    @property
    def error(self) -> float:
        """At the end."""
        return float(self.errors[-1])

    def time_to(self, tolerance: float) -> Estimate | None:
        """Seconds until the error is within `tolerance` and stays there; None: it never is."""
        beyond = np.flatnonzero(~(self.errors <= tolerance))
        first = beyond[-1] + 1 if len(beyond) else 0
        if first == len(self.errors):
            return None
        share = float(self.seconds[first] / self.seconds[-1])
        row = self.row
        whole = np.array([row.seconds_median, row.seconds_low, row.seconds_high], float)
        return Estimate(*(share * whole).tolist())


@dataclass(frozen=True)
class Race:
    """All timed entries of a descent and of the least-squares workloads on the same data."""

    descent: str  # names of workloads
    closed: list[str]
    paths: list[Path]
    #: How far the least-squares solution itself is from the truth: a smaller error tells nothing
    #: of the world that the data are from. 0 without noise, up to rounding; None: it is not known.
    statistical: float | None


def errors(iterates: np.ndarray, solution: np.ndarray) -> np.ndarray:
    """||b_k - b|| / ||b|| of the iterates (n, n_features + 1) against the solution b."""
    return np.asarray(np.linalg.norm(iterates - solution, axis=1) / np.linalg.norm(solution))


def races(records: Sequence[Record], rows: Sequence[Row]) -> list[Race]:
    """The descents of a run whose data some least-squares workload of it has, too."""
    timed = [row for row in rows if row.status == "passed"]
    by_name = {name: list(same) for name, same in groupby(timed, key=lambda row: row.workload)}
    workloads = [w for w in of_kind(records, "workload") if w["name"] in by_name]
    found = []
    for descent in workloads:
        twins = [w for w in workloads if w["sha256"] == descent["sha256"] and w is not descent]
        closed = [w["name"] for w in twins if "descent_errors" not in w]
        if "descent_errors" not in descent or not closed:
            continue
        paths = [_curve(row, descent) for row in by_name[descent["name"]]]
        paths += [_point(row) for name in closed for row in by_name[name]]
        found.append(Race(descent["name"], closed, paths, _statistical(descent)))
    return found


def _statistical(workload: Record) -> float | None:
    if workload["weight"] is None:
        return None
    truth = np.asarray([[*workload["weight"], workload["bias"]]], float)
    return float(errors(truth, np.asarray(workload["solution"], float))[0])


def _curve(row: Row, workload: Record) -> Path:
    fit = row.fit or {}
    own = np.asarray([[*fit["weight"], fit["bias"]]], float)
    ends_at = errors(own, np.asarray(workload["solution"], float))[0]
    reference = np.asarray(workload["descent_errors"], float)[1:]
    seconds = (row.seconds_median or 0.0) * np.arange(1, len(reference) + 1) / len(reference)
    return Path(row, seconds, np.append(np.maximum(reference[:-1], ends_at), ends_at))


def _point(row: Row) -> Path:
    return Path(row, np.array([row.seconds_median]), np.array([row.weight_error]))
