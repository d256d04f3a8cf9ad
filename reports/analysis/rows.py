"""A run's records joined into rows: one for each entry, what every table and export shows."""

import statistics
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from benchmarks import estimates, samples, scatter
from benchmarks.estimates import Estimate
from benchmarks.runfile import records
from benchmarks.runfile.header import BASELINES, EntryRecord
from benchmarks.runfile.run import Run
from benchmarks.samples import Rounds, Sample
from benchmarks.scatter import Scatter
from benchmarks.verdict import Verdict
from reports.analysis import places
from reports.analysis.roofline import Floor, Place, floors

#: A fit that certainly takes less than this share of reading the data once was none.
LEAST_READING = 0.5

#: What workloads and runs have in common: backend, device, and which of its numbers of threads, if
#: there are several: 1 for the fewest.
Key = tuple[str, str, int]
Status = Literal["passed", "failed", "not judged", "absent", "not timed", "not reached"]
_SELF = Estimate(1.0, 1.0, 1.0)  # the baseline over itself; other ratios have wider intervals
#: In which rows stand that are not ranked.
_ORDER = ("not timed", "not judged", "failed", "absent", "not reached")


@dataclass(frozen=True)
class Row:
    """One entry of a run. Times are seconds; None stands for "not measured".

    `ratio` and `ratios` are the time of one fit over that of another entry, from the same rounds;
    the intervals of all pairs of a workload hold together (see `estimates.simultaneous`).
    """

    entry: EntryRecord
    status: Status  # "passed": right and timed
    passed: bool  # the gate
    reason: str  # why not passed; empty if it did
    samples: int = 0
    times: Rounds = field(default_factory=dict)
    scatter: Scatter = estimates.UNKNOWN  # what is typical of its workload
    time: Estimate | None = None  # of one fit
    ratio: Estimate | None = None
    baseline: str = ""  # the backend (and device) that `ratio` is relative to; empty if none
    ratios: Mapping[str, Estimate] = field(default_factory=dict)  # to other entries, by id
    faster: frozenset[str] = frozenset()  # the ids of those that are faster for certain
    place: str = ""  # "2", or "2–4" where that is not certain
    fit: records.FitRecord | None = None  # the first
    worker: records.WorkerRecord | None = None  # the process of the first fit
    verdict: Verdict | None = None
    floor: Floor | None = None  # that no implementation can beat here
    device_seconds: float | None = None  # of one fit, by the device's own clock
    joules: float | None = None  # of one fit, drawn by its GPU
    data: str = ""  # of the user's own data: the features, and what is left out
    #: Transfers of its data: those after the samples, or else the first of each process.
    transfers: Rounds = field(default_factory=dict)

    @property
    def is_baseline(self) -> bool:
        """Whether the others of its workload are compared with this one."""
        return self.ratio == _SELF

    @property
    def phases(self) -> dict[str, float | None]:
        """What a user who fits once waits for, in the order in which it comes."""
        worker, fit = self.worker, self.fit
        return {
            "import": worker.import_seconds if worker else None,
            "device start": worker.start_seconds if worker else None,
            "transfer": fit.transfer_seconds if fit else None,
            "first fit": fit.compile_seconds if fit else None,
        }

    @property
    def once(self) -> float | None:
        """All phases together; None unless all are known."""
        known = [seconds for seconds in self.phases.values() if seconds is not None]
        return sum(known) if len(known) == len(self.phases) else None

    @property
    def times_floor(self) -> float | None:
        """How many times its floor a fit takes."""
        return self.time.value / self.floor.seconds if self.time and self.floor else None

    @property
    def assumed(self) -> bool:
        """Whether there were too few samples for an interval of `time`."""
        return self.samples < (estimates.FEWEST if self.scatter.time is None else 2)

    @property
    def speeds(self) -> list[float]:
        """Seconds of a fit in each process, if they certainly differ by much; else nothing."""
        return estimates.speeds(self.times) if self.times else []

    @property
    def with_transfer(self) -> float | None:
        """The time of a fit of data on the host; `time` is that of data on the device."""
        if not self.transfers or self.time is None:
            return None
        return samples.middle(self.transfers) + self.time.value

    @property
    def coefficients(self) -> np.ndarray | None:
        """(weight, bias) of the first fit; None unless it is right."""
        fit = self.fit
        if not self.passed or fit is None or fit.weight is None or fit.bias is None:
            return None
        found = np.array([*fit.weight, fit.bias])
        return found if np.isfinite(found).all() else None


def rows(run: Run) -> list[Row]:
    """The rows of a run, workload by workload, the fastest that passed first."""
    known, typical = floors(run), _scatters(run)
    made = [
        _row(run, e, known, typical.get(e.workload, estimates.UNKNOWN)) for e in run.header.entries
    ]
    result: list[Row] = []
    for name, same in by_workload(made).items():
        workload = run.workloads.get(name)
        result += ranked(same, [BASELINES[workload.method.kind]] if workload else [])
    return result


def leaders(rows: Iterable[Row]) -> list[Row]:
    """Of one workload's rows, those that are timed and slower than no other of them for certain."""
    timed = [row for row in rows if row.time]
    ids = {row.entry.id for row in timed}
    return [row for row in timed if not row.faster & ids]


def by_workload(rows: Iterable[Row]) -> dict[str, list[Row]]:
    """The rows of each workload, in their order."""
    found: dict[str, list[Row]] = {}
    for row in rows:
        found.setdefault(row.entry.workload, []).append(row)
    return found


def by_key(rows: Iterable[Row]) -> dict[Key, Row]:
    """One workload's rows, those of fewer threads first."""
    met = Counter[tuple[str, str]]()
    found: dict[Key, Row] = {}
    for row in sorted(rows, key=lambda row: row.entry.threads):
        place = row.entry.name, row.entry.device
        met[place] += 1
        found[*place, met[place]] = row
    return found


def _scatters(run: Run) -> dict[str, Scatter]:
    """How times scatter, by workload; between processes, as far as the whole run shows it."""
    times: dict[bool, dict[str, list[Rounds]]] = {True: {}, False: {}}
    for entry in run.header.entries:
        if rounds := run.rounds(entry.id):
            # Threads of one process disturb each other, and so differ more.
            times[entry.threads > 1].setdefault(entry.workload, []).append(rounds)
    found: dict[str, Scatter] = {}
    for like in times.values():
        processes = scatter.between_processes(like.values())
        found |= {name: scatter.typical(rounds, processes) for name, rounds in like.items()}
    return found


def _row(run: Run, entry: EntryRecord, known: Mapping[Place, Floor], typical: Scatter) -> Row:
    """A row without the fields that depend on other rows."""
    name = entry.id
    times, fit, verdict = run.rounds(name), run.first_fit(name), run.verdict(name)
    workload = run.workloads.get(entry.workload)
    if fit and fit.weight is not None and workload and len(fit.weight) != workload.n_features:
        fit = replace(fit, weight=None)  # the file was edited: the gate passes no such fit
    failure = next(iter(run.of(records.FailureRecord, name)), None)
    passed = bool(verdict and verdict.passed and not failure)
    reason = failure.reason if failure else verdict.reason if verdict else "not reached"
    # A known failure explains a fit that is refused, and one that raises, hangs or crashes.
    unfit = (verdict and not verdict.passed) or (failure and failure.phase == "fit")
    if unfit and entry.known_failure:
        reason += f"; known: {entry.known_failure}"
    devices = run.of(records.DeviceRecord, name)
    time = estimates.typical(times, known=typical) if times else None
    floor = known.get((entry.workload, entry.device, entry.threads))
    status = _status(verdict, failure, bool(times))
    impossible = ""
    # On a GPU, small data may be read from a cache, and faster than was measured.
    if workload and time and floor and status == "passed" and entry.device == "cpu":
        impossible = _impossible(workload, time, floor)
    if impossible:
        status, passed, reason = "failed", False, impossible
    return Row(
        entry,
        status=status,
        passed=passed,
        reason="" if passed else reason,
        samples=len(times),
        times=times,
        scatter=typical,
        time=time,
        fit=fit,
        worker=run.workers.get(fit.worker) if fit else None,
        verdict=verdict,
        floor=floor,
        device_seconds=_median([device.device_seconds for device in devices]),
        joules=_median([device.joules for device in devices]),
        data=run.own_data.get(entry.workload, ""),
        transfers=_transfers(run, name),
    )


def _status(verdict: Verdict | None, failure: records.FailureRecord | None, timed: bool) -> Status:
    if failure:
        return "absent" if failure.phase == "absent" else "failed"
    if not verdict:
        return "not reached"
    if not verdict.passed:
        return "failed" if verdict.judged else "not judged"
    return "passed" if timed else "not timed"


def _impossible(workload: records.WorkloadRecord, time: Estimate, floor: Floor) -> str:
    """Why a time on the CPU cannot be that of a fit; empty if it can."""
    reading = floor.takes["memory"] / max(1, workload.method.epochs)  # the data, once
    if time.high >= LEAST_READING * reading:
        return ""
    return (
        f"a fit in {time.value * 1e6:.3g} µs, where this machine needs {reading * 1e6:.3g} µs to "
        "read the data once: it was made at another time"
    )


def _median(values: Sequence[float | None]) -> float | None:
    known = [value for value in values if value is not None]
    return statistics.median(known) if known else None


def _transfers(run: Run, entry: str) -> dict[int, Sample]:
    """Transfers as samples: the later ones, or else those before the first fits."""
    later = run.of(records.TransferRecord, entry)
    fits = run.of(records.FitRecord, entry)
    found = [Sample(one.replicate, seconds) for one in later for seconds in one.seconds]
    first = [Sample(f.replicate, f.transfer_seconds) for f in fits if f.transfer_seconds]
    return dict(enumerate(found or first))


def ranked(made: Sequence[Row], baselines: Collection[str]) -> list[Row]:
    """One workload's rows with ratios and place: timed ones by place, then the others.

    Places are in order of their better ends, then of the worse ones, then of the median times.
    The baseline is one of the backends `baselines`, preferably on the CPU, or else the fastest.
    """
    timed = [row for row in made if row.status == "passed"]
    timed.sort(key=lambda row: row.time.value if row.time else 0.0)
    others = [row for row in made if row.status != "passed"]
    others.sort(key=lambda row: _ORDER.index(row.status))
    if not timed:
        return others
    wanted = [row for row in timed if row.entry.name in baselines]
    baseline = min(wanted, key=lambda row: row.entry.device != "cpu", default=timed[0])
    name = _short_name(baseline, timed)
    confidence = estimates.simultaneous(len(timed))
    times = {row.entry.id: row.times for row in timed}
    ratios = places.ratios(times, confidence, baseline.scatter)
    faster = places.faster(ratios)
    ends = places.places(faster)
    placed = [
        replace(
            row,
            ratio=_SELF if row is baseline else ratios[row.entry.id].get(baseline.entry.id),
            baseline=name,
            ratios=ratios[row.entry.id],
            faster=faster[row.entry.id],
            place="–".join(dict.fromkeys(map(str, ends[row.entry.id]))),
        )
        for row in sorted(timed, key=lambda row: ends[row.entry.id])
    ]
    return placed + [replace(row, baseline=name) for row in others]


def _short_name(row: Row, timed: Sequence[Row]) -> str:
    """The backend, with device and threads where it was timed on several."""
    entry = row.entry
    if [other.entry.name for other in timed].count(entry.name) == 1:
        return entry.name
    return f"{entry.name} ({entry.device}, {entry.threads})"
