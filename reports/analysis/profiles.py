"""How far each backend is from the fastest, over all workloads of one method.

The ratio of a backend on a workload is its time over that of the fastest right one there. The
performance profile of a backend is, over a factor, the share of the workloads on which it is right
and its ratio is at most that factor (Dolan & Moré 2002, *Benchmarking optimization software with
performance profiles*, Mathematical Programming 91). One that is right on all of them, and whose
largest ratio is small, is never far from the fastest.

Who the fastest is may not be certain. So a ratio is as large as the largest of those to all that
may be the fastest, and so are the ends of its interval (Hsu 1981, *Simultaneous confidence
intervals for all distances from the "best"*, Annals of Statistics 9). They hold together within a
workload, as those of its rows do.
"""

import math
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from benchmarks.estimates import Estimate
from benchmarks.runfile.records import WorkloadRecord
from benchmarks.runfile.run import Run
from reports.analysis.rows import Key, Row, by_key, by_workload, leaders

#: From this condition number on, normal equations lose three digits more than QR and SVD do.
ILL_CONDITIONED = 1e3
#: A fit is accurate if its error is within a digit of the smallest.
_DIGIT = 10.0


@dataclass(frozen=True)
class Candidate:
    """One backend on one device, where it is right and timed; one workload at least."""

    rows: Mapping[str, Row]  # by workload
    ratios: Mapping[str, Estimate]  # to the fastest
    n_untimed: int = 0  # on how many further workloads it is right, but was not timed

    @property
    def row(self) -> Row:
        """Any, for what does not depend on the workload."""
        return next(iter(self.rows.values()))

    @property
    def n_right(self) -> int:
        """On how many workloads it is right."""
        return len(self.ratios) + self.n_untimed

    @property
    def where(self) -> str:
        """The workload on which it is furthest from the fastest."""
        return max(self.ratios, key=lambda name: self.ratios[name].value)

    @cached_property
    def largest(self) -> Estimate:
        """The largest of its ratios."""
        known = self.ratios.values()
        ends = (max(e.value for e in known), max(e.low for e in known), max(e.high for e in known))
        return Estimate(*ends)

    @cached_property
    def mean(self) -> Estimate:
        """The geometric mean of its ratios.

        Workloads are timed apart, so the distances to the ends of the intervals of the logarithms
        add up in squares (Zou & Donner 2008, *Construction of confidence limits about effect
        measures*, Statistics in Medicine 27).
        """
        known = self.ratios.values()
        value, low, high = np.log([(e.value, e.low, e.high) for e in known]).T
        centre, n = value.mean(), len(value)
        below, above = np.linalg.norm(value - low) / n, np.linalg.norm(high - value) / n
        return Estimate(*np.exp([centre, centre - below, centre + above]).tolist())

    def may_be_as_good_as(self, best: "Candidate") -> bool:
        """Whether it is right on as many workloads, and not further away for certain."""
        return self.n_right >= len(best.ratios) and self.largest.low <= best.largest.high


@dataclass(frozen=True)
class Profile:
    """The candidates of one method: those right on most first, of these the nearest."""

    kind: str
    workloads: Sequence[WorkloadRecord]
    rows: Mapping[str, Sequence[Row]]  # by workload: those that are right
    candidates: Mapping[Key, Candidate]

    def choice(self, style: str = "") -> list[Candidate]:
        """The one to take and those that may be as good: of one style, or of any."""
        among = [one for one in self.candidates.values() if style in ("", one.row.entry.style)]
        return [one for one in among if one.may_be_as_good_as(among[0])]

    @cached_property
    def accurate(self) -> "Profile":
        """Its ill-conditioned workloads, with those whose error is within a digit of the least."""
        hard = [workload for workload in self.workloads if _is_ill_conditioned(workload)]
        most = {}
        for workload in hard:
            least = min(map(_error, self.rows[workload.name]))
            most[workload.name] = _DIGIT * max(float(np.finfo(workload.dtype).eps), least)
        found = {}
        for key, one in self.candidates.items():
            its = {name: row for name, row in one.rows.items() if name in most}
            if its and all(_error(row) <= most[name] for name, row in its.items()):
                found[key] = Candidate(its, {name: one.ratios[name] for name in its})
        rows = {name: self.rows[name] for name in most}
        return Profile(self.kind, hard, rows, _sorted(found))


def profiles(run: Run, rows: Sequence[Row], names: Collection[str]) -> list[Profile]:
    """The profile of each method over those of its workloads `names` on which any row is timed.

    Variants are left out: they are other versions, and no other backends.
    """
    own = [row for row in rows if row.status in ("passed", "not timed") and not row.entry.variant]
    found: dict[str, dict[str, list[Row]]] = {}
    for name, same in by_workload(own).items():
        if name in names and name in run.workloads and any(row.time for row in same):
            found.setdefault(run.workloads[name].method.kind, {})[name] = same
    return [
        Profile(kind, [run.workloads[name] for name in by_name], by_name, _candidates(by_name))
        for kind, by_name in found.items()
    ]


def _candidates(by_name: Mapping[str, Sequence[Row]]) -> dict[Key, Candidate]:
    rows: dict[Key, dict[str, Row]] = {}
    ratios: dict[Key, dict[str, Estimate]] = {}
    untimed = Counter[Key]()
    for name, same in by_name.items():
        first = leaders(same)
        for key, row in by_key(same).items():
            if ratio := _to_the_fastest(row, first):
                rows.setdefault(key, {})[name] = row
                ratios.setdefault(key, {})[name] = ratio
            else:
                untimed[key] += 1
    return _sorted({key: Candidate(rows[key], ratios[key], untimed[key]) for key in rows})


def _sorted(found: Mapping[Key, Candidate]) -> dict[Key, Candidate]:
    def order(key: Key) -> tuple[float, float, float]:
        one = found[key]
        return -len(one.ratios), one.largest.value, one.mean.value

    return {key: found[key] for key in sorted(found, key=order)}


def _to_the_fastest(row: Row, first: Sequence[Row]) -> Estimate | None:
    """The ratio of a row to the fastest of its workload; None if no round has both.

    `first` are those that may be the fastest.
    """
    known = [row.ratios[one.entry.id] for one in first if one.entry.id in row.ratios]
    nearest = min(first, key=lambda one: one.time.value if one.time else math.inf)
    if row is nearest:
        value = 1.0
    elif nearest.entry.id in row.ratios:
        value = max(1.0, row.ratios[nearest.entry.id].value)
    else:
        return None
    low = max([1.0, *(pair.low for pair in known)])
    # One that may itself be the fastest is as far from it as from any of the others.
    high = max([value, *(pair.high for pair in known)])
    return Estimate(min(max(value, low), high), low, high)


def _is_ill_conditioned(workload: WorkloadRecord) -> bool:
    """Whether solvers differ in accuracy on it; its coefficients are determined all the same."""
    condition = workload.scaled_condition or workload.condition or 0.0
    solvable = condition < 1 / float(np.finfo(workload.dtype).eps)
    is_closed = workload.method.kind == "least squares"
    return is_closed and solvable and condition >= ILL_CONDITIONED


def _error(row: Row) -> float:
    error = row.verdict.weight_error if row.verdict else None
    return math.inf if error is None else error
