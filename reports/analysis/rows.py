"""A run's records joined into rows: one per entry, what every table and export is made of."""

from __future__ import annotations

import itertools
import statistics
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, Literal

from benchmarks import estimates
from benchmarks.estimates import Estimate, Sample
from benchmarks.runfile import Record, of_kind
from reports.analysis.roofline import Floor, Place, floors

#: What the others are compared with, if it passed: what most people use today, per method.
BASELINES = {"gradient descent": "torch-eager", "least squares": "sklearn-linear"}

_ORDER = ("not timed", "failed", "absent", "not reached")  # of rows that are not ranked
Status = Literal["passed", "failed", "absent", "not timed", "not reached"]


@dataclass(frozen=True)
class Row:
    """One entry of a run. Times are seconds; None stands for "not measured".

    `ratio` is the time of one fit over that of the baseline, both from the same rounds; the
    intervals of all pairs of a workload hold together (see `estimates.simultaneous`).
    """

    workload: str
    backend: str
    device: str
    threads: int
    passed: bool
    reason: str  # why not passed; empty if it did
    samples: int
    seconds_median: float | None
    seconds_low: float | None
    seconds_high: float | None
    ratio: float | None
    ratio_low: float | None
    ratio_high: float | None
    baseline: str | None  # the backend (and device) that `ratio` is relative to
    import_seconds: float | None
    start_seconds: float | None
    transfer_seconds: float | None
    compile_seconds: float | None  # the first fit
    weight_error: float | None  # ||fit - reference|| / ||reference|| over weight and bias
    bound: float | None  # what weight_error was held to
    floor_seconds: float | None  # that no implementation can beat here (see `floor`)
    times_floor: float | None  # how many times that seconds_median is
    peak_bytes: float | None  # memory that the first fit needed, over what was resident before

    # The rest is for reports, not for export.
    entry: str
    framework: str
    algorithm: str
    style: str  # "idiomatic" or "tuned"
    status: Status
    rank: str  # 1 + how many are faster for certain; "2=" where it is shared, "" if not ranked
    once_seconds: float | None  # import, device start, transfer and first fit together
    fresh: bool  # whether its first fit was the first thing that its process did
    times: dict[int, Sample]  # by round
    fit: Record | None  # the `fit` record
    checks: list[dict[str, Any]]  # of the verdict
    known_failure: str  # why it is known to fail; empty if it is not
    digits: Record | None  # of the verdict: correct digits, where certified
    device_seconds: float | None = None  # of one fit, by the device's own clock
    joules: float | None = None  # of one fit, drawn by its GPU
    #: Transfers of its data: those after the samples, or else the first of each process.
    transfers: dict[int, Sample] = field(default_factory=dict)

    @property
    def with_transfer_seconds(self) -> float | None:
        """A fit of data that lie on the host; `seconds_median` is that of data on the device."""
        if not self.transfers or self.seconds_median is None:
            return None
        return estimates.middle(self.transfers) + self.seconds_median


#: The columns of `export`, in order.
EXPORTED = tuple(f.name for f in fields(Row))[: [f.name for f in fields(Row)].index("entry")]


def rows(records: Sequence[Record]) -> list[Row]:
    """The rows of a run, workload by workload, the fastest that passed first."""
    header = records[0]
    known = floors(records)
    workers = {record["worker"]: record for record in of_kind(records, "worker")}
    own: dict[str, list[Record]] = {}
    for record in records:
        own.setdefault(record.get("entry", ""), []).append(record)
    made = [_row(e, own.get(e["entry"], []), workers, known) for e in header["entries"]]
    result: list[Row] = []
    for workload in dict.fromkeys(entry["workload"] for entry in header["entries"]):
        result += _ranked([row for row in made if row["workload"] == workload], records)
    return result


def workloads(records: Sequence[Record]) -> dict[str, Record]:
    """The workload records of a run by name."""
    return {record["name"]: record for record in of_kind(records, "workload")}


def _row(
    entry: Record,
    own: Sequence[Record],
    workers: Mapping[int, Record],
    known_floors: Mapping[Place, Floor],
) -> dict[str, Any]:
    """The fields of a row that do not depend on other rows; `own` are the records of its entry."""

    def mine(kind: str) -> list[Record]:
        return of_kind(own, kind)

    fits, verdicts, failures = mine("fit"), mine("verdict"), mine("failure")
    times = {s["round"]: Sample(s["replicate"], s["seconds"]) for s in mine("sample")}
    refused = next((v for v in verdicts if not v["passed"]), None)
    verdict = refused or (verdicts[0] if verdicts else None)
    passed = bool(verdict and verdict["passed"] and not failures)
    reason = failures[0]["reason"] if failures else verdict["reason"] if verdict else "not reached"
    # What is known is said of a fit that is refused, and of one that raises, hangs or crashes.
    unfit = refused or (failures and failures[0]["phase"] == "fit")
    if unfit and entry["known_failure"]:
        reason += f"; known: {entry['known_failure']}"
    typical = estimates.typical(times) if times else None
    fit = fits[0] if fits else None
    floor = known_floors.get((entry["workload"], entry["device"], entry["threads"]))
    worker = workers.get(fit["worker"], {}) if fit else {}
    phases = [worker.get("import_seconds"), worker.get("start_seconds")]
    phases += [fit["transfer_seconds"], fit["compile_seconds"]] if fit else [None, None]
    known = [seconds for seconds in phases if seconds is not None]
    status: Status = "passed" if passed else "failed"
    if failures and failures[0]["phase"] == "absent":
        status = "absent"
    elif passed and not times:
        status = "not timed"
    elif not failures and not verdict:
        status = "not reached"
    return {
        **{key: entry[key] for key in ("workload", "backend", "device", "threads")},
        **{key: entry[key] for key in ("entry", "framework", "algorithm", "known_failure")},
        "style": entry.get("style", "idiomatic"),
        "passed": passed,
        "reason": "" if passed else reason,
        "status": status,
        "samples": len(times),
        "seconds_median": typical and typical.value,
        "seconds_low": typical and typical.low,
        "seconds_high": typical and typical.high,
        "import_seconds": phases[0],
        "start_seconds": phases[1],
        "transfer_seconds": phases[2],
        "compile_seconds": phases[3],
        "once_seconds": sum(known) if len(known) == len(phases) else None,
        "fresh": bool(fit and fit.get("fresh", True)),
        "weight_error": _number(verdict["weight_error"] if verdict else None),
        "bound": _number(verdict["bound"] if verdict else None),
        "device_seconds": _median(mine("device"), "device_seconds"),
        "joules": _median(mine("device"), "joules"),
        "floor_seconds": floor and floor.seconds,
        "times_floor": typical.value / floor.seconds if typical and floor else None,
        "peak_bytes": fit.get("peak_bytes") if fit else None,
        "times": times,
        "transfers": _transfers(fits, mine("transfer")),
        "fit": fit,
        "checks": verdict["checks"] if verdict else [],
        "digits": verdict.get("digits") if verdict else None,
    }


def _transfers(fits: Sequence[Record], later: Sequence[Record]) -> dict[int, Sample]:
    """Transfers as samples: the later ones, or else those before the first fits."""
    found = [Sample(t["replicate"], seconds) for t in later for seconds in t["seconds"]]
    return dict(
        enumerate(found or [Sample(f.get("replicate", 0), f["transfer_seconds"]) for f in fits])
    )


def _median(records: Sequence[Record], field: str) -> float | None:
    known = [record[field] for record in records if field in record]
    return statistics.median(known) if known else None


def _number(value: float | str | None) -> float | None:
    """A number of a run file, where infinities and NaN are strings."""
    return None if value is None else float(value)


def _ranked(made: list[dict[str, Any]], records: Sequence[Record]) -> list[Row]:
    """One workload's rows with ratio and rank: timed ones by speed, then the others."""
    timed = [row for row in made if row["status"] == "passed"]
    timed.sort(key=lambda row: row["seconds_median"])
    baseline = _baseline(timed, records)
    confidence = estimates.simultaneous(len(timed))
    names = _short_names(timed)
    places = ranks(timed, confidence)
    others = [row for row in made if row["status"] != "passed"]
    others.sort(key=lambda row: _ORDER.index(row["status"]))
    result: list[Row] = []
    for row in timed + others:
        against: Estimate | None = None
        if row is baseline:
            against = Estimate(1.0, 1.0, 1.0)
        elif baseline and row["status"] == "passed":
            against = estimates.ratio(row["times"], baseline["times"], confidence)
        result.append(
            Row(
                **row,
                ratio=against.value if against else None,
                ratio_low=against.low if against else None,
                ratio_high=against.high if against else None,
                baseline=names[baseline["entry"]] if baseline else None,
                rank=places.get(row["entry"], ""),
            )
        )
    return result


def _baseline(timed: list[dict[str, Any]], records: Sequence[Record]) -> dict[str, Any] | None:
    """The usual baseline on the CPU if it was timed, else the fastest entry."""
    if not timed:
        return None
    kind = workloads(records)[timed[0]["workload"]]["method"]["kind"]
    usual = [row for row in timed if row["backend"] == BASELINES[kind]]
    usual.sort(key=lambda row: row["device"] != "cpu")
    return (usual or timed)[0]


def _short_names(timed: list[dict[str, Any]]) -> dict[str, str]:
    """Backend names, with device and threads where a backend was timed on several."""
    backends = [row["backend"] for row in timed]
    return {
        row["entry"]: row["backend"]
        if backends.count(row["backend"]) == 1
        else f"{row['backend']} ({row['device']}, {row['threads']})"
        for row in timed
    }


def ranks(timed: Sequence[dict[str, Any]], confidence: float) -> dict[str, str]:
    """By entry, one more than the number of others that are faster for certain; "2=" if shared.

    With intervals that hold for all pairs together, no entry's true place is better than that:
    it is the lower end of an interval for the place (Al Mohamad et al. 2022, *Simultaneous
    confidence intervals for ranks*, Biometrics 78).

    Args:
        timed: each with its `entry` and its `times` by round.
        confidence: of the intervals.
    """
    places = {row["entry"]: 1 for row in timed}
    for one, other in itertools.combinations(timed, 2):
        ratio = estimates.ratio(one["times"], other["times"], confidence)
        verdict = ratio.against_one() if ratio else "cannot tell"
        places[one["entry"]] += verdict == "slower"
        places[other["entry"]] += verdict == "faster"
    shared = Counter(places.values())
    return {e: f"{place}=" if shared[place] > 1 else f"{place}" for e, place in places.items()}
