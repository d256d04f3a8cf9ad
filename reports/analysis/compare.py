"""Two runs of different times: which entries have become slower, beyond what the machine did?

A shared machine drifts by up to a factor of two within minutes, so the plain ratio of two times
says little. But what the machine does, it does to all entries of a workload, which are timed
together. Each entry is therefore compared with the others of its workload, twice:

- within a run: each sample is divided by the machine's speed in its round, which the others show.
  So an entry that has only the first rounds is not slow because the machine was slow then;
- between the runs: the median change of the others is the machine's, and is divided out. It is
  estimated by workload, since the machine drifts between one workload and the next.

What is left differs from entry to entry even if no code has changed: another process, another
memory layout. The rounds of both runs show most of that. The factor by which it exceeds what they
show is a median over the entries of all other backends, so that no backend hides its own change.

Limits: a slow-down of half of a workload's entries or more counts as the machine's. One that hits
few entries, such as a neighbour that saturates the memory bus, counts as the code's. Measuring both
versions in the same rounds has neither limit: `linreg-bench run --against REV`.
"""

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass, replace
from fnmatch import fnmatchcase
from itertools import groupby
from typing import Any

import numpy as np

from benchmarks import estimates, samples, scatter
from benchmarks.estimates import Estimate
from benchmarks.runfile.header import Header
from benchmarks.runfile.run import Run
from benchmarks.samples import Rounds
from benchmarks.scatter import Variance
from reports.analysis.rows import Row

#: With fewer common entries in a workload, the machine's change cannot be told from the code's.
FEWEST_ENTRIES = 4
#: The variance of an entry's change over what its rounds show: the value usually found.
USUAL = 2.0


@dataclass(frozen=True)
class EntryChange:
    """The change of one entry that both runs have timed."""

    old: Row
    new: Row
    machine: float | None  # the machine's own new/old, divided out of `ratio`; None: unknown
    ratio: Estimate  # new/old; the intervals of all entries hold together


@dataclass(frozen=True)
class BackendChange:
    """The mean change of a backend over the workloads that both runs have timed.

    It is known better than that of any single entry, whose peculiarities average out.
    """

    backend: str  # backend/device
    n_workloads: int
    ratio: Estimate  # new/old, the geometric mean, without the machine's change


@dataclass(frozen=True)
class Compared:
    """Two runs, entry by entry."""

    changes: list[EntryChange]
    overall: list[BackendChange]  # of backends that have several workloads in both runs
    newly_failing: list[Row]  # passed before, and are not known to fail
    unmatched: list[tuple[str, str]]  # entry, and why there is nothing to compare
    missing: list[str]  # of these, the entries that only the old run has timed
    versions: list[tuple[str, str, str]]  # of packages and the suite, where they differ

    def unwatched(self, allowed: Sequence[str]) -> list[str]:
        """The missing entries that no pattern of `allowed` names."""
        return [e for e in self.missing if not any(fnmatchcase(e, one) for one in allowed)]

    def slower(self, share: float) -> list[str]:
        """The entries, and the backends on average, slower by more than `share` for certain."""
        found = [(change.new.entry.id, change.ratio) for change in self.changes]
        found += [(f"{mean.backend} on average", mean.ratio) for mean in self.overall]
        return [name for name, ratio in found if ratio.low > 1 + share]


def compare(old: Run, old_rows: Sequence[Row], new: Run, new_rows: Sequence[Row]) -> Compared:
    """Compare the entries of `new` with those of `old`; variants are left out."""
    before = {row.entry.id: row for row in old_rows if not row.entry.variant}
    after = {row.entry.id: row for row in new_rows if not row.entry.variant}
    both = [(before[entry], row) for entry, row in after.items() if entry in before]
    timed = [pair for pair in both if all(row.status == "passed" for row in pair)]
    failing = [now for was, now in both if was.passed and now.status == "failed"]
    failing = [row for row in failing if not row.entry.known_failure]
    told = {row.entry.id for row in [*failing, *(now for _, now in timed)]}
    unmatched = [
        (entry, f"{_status(before.get(entry))} in the old run, {_status(after.get(entry))} now")
        for entry in before | after
        if entry not in told
    ]
    known = {row.entry.id for row in after.values() if row.entry.known_failure}
    was_timed = {entry for entry, row in before.items() if row.status == "passed"}
    missing = [entry for entry, _ in unmatched if entry in was_timed and entry not in known]
    changes, overall = _changes(timed)
    versions = _versions(old.header, new.header)
    return Compared(changes, overall, failing, unmatched, missing, versions)


def _status(row: Row | None) -> str:
    if row is None:
        return "not there"
    return "timed" if row.status == "passed" else row.status


@dataclass(frozen=True)
class _Delta:
    """The change of one entry's log time, and how well both runs know theirs."""

    old: Row
    new: Row
    value: float
    variance: Variance | None  # None: too few rounds

    @property
    def backend(self) -> str:
        return f"{self.new.entry.name}/{self.new.entry.device}"


def _changes(pairs: Sequence[tuple[Row, Row]]) -> tuple[list[EntryChange], list[BackendChange]]:
    by_name = groupby(pairs, key=lambda pair: pair[1].entry.workload)
    workloads = [_deltas(list(same)) for _, same in by_name]
    backends = dict.fromkeys(delta.backend for same in workloads for delta in same)
    beyond = {
        # The backend itself must not influence what the others are compared with.
        backend: _beyond_rounds([[d for d in same if d.backend != backend] for same in workloads])
        for backend in backends
    }
    # Half of the risk for all entries, half for the means, which are few and show most.
    risk = (1 - estimates.CONFIDENCE) / 2
    each, overall = 1 - risk / max(len(pairs), 1), 1 - risk / max(len(backends), 1)
    changes = []
    own: dict[str, list[_Delta]] = {backend: [] for backend in backends}
    for delta, others in [(delta, _others(delta, same)) for same in workloads for delta in same]:
        old, new = delta.old, delta.new
        if len(others) < FEWEST_ENTRIES - 1:
            plain = math.log(samples.middle(new.times) / samples.middle(old.times))
            changes.append(EntryChange(old, new, None, estimates.assumed(plain)))
            continue
        machine = float(np.median(others))
        own[delta.backend].append(replace(delta, value=delta.value - machine))
        ratio = _mean(own[delta.backend][-1:], beyond[delta.backend], each)
        changes.append(EntryChange(old, new, math.exp(machine), ratio))
    return changes, [
        BackendChange(backend, len(several), _mean(several, beyond[backend], overall))
        for backend, several in own.items()
        if len(several) > 1
    ]


def _others(delta: _Delta, workload: Sequence[_Delta]) -> list[float]:
    """The changes that an entry is compared with: those of its workload's other entries."""
    return [other.value for other in workload if other.variance and other is not delta]


def _deltas(pairs: Sequence[tuple[Row, Row]]) -> list[_Delta]:
    """The changes of one workload's entries."""
    sides = (_steady([row.times for row in side]) for side in zip(*pairs, strict=True))
    found = []
    for (old, new), was, now in zip(pairs, *sides, strict=True):
        value = math.log(samples.middle(now) / samples.middle(was))
        variance = None
        if min(len(was), len(now)) >= estimates.FEWEST:
            (before, one), (after, other) = map(estimates.log_typical, (was, now))
            value, variance = after - before, scatter.add([one, other])
        found.append(_Delta(old, new, value, variance))
    return found


def _mean(deltas: Sequence[_Delta], beyond: Variance, confidence: float) -> Estimate:
    """The geometric mean of changes."""
    n = len(deltas)
    centre = sum(delta.value for delta in deltas) / n
    parts = [Variance(d.variance.value / n**2, d.variance.freedom) for d in deltas if d.variance]
    if len(parts) < n:
        return estimates.assumed(centre)
    # The variance is a product of two estimates, whose relative errors add up.
    within = scatter.add(parts)
    freedom = 1 / (1 / within.freedom + 1 / beyond.freedom)
    return estimates.interval(centre, Variance(within.value * beyond.value, freedom), confidence)


def _steady(times: Sequence[Rounds]) -> list[Rounds]:
    """The samples of a workload's entries, each divided by the machine's speed in its round.

    That is the median of the round's other times, each over its entry's typical time: median
    polish (Tukey 1977, *Exploratory Data Analysis*, ch. 11) without the entry itself.
    """
    middles = [samples.middle(rounds) for rounds in times]

    def speed(entry: int, number: int) -> float:
        others = [
            rounds[number].seconds / middles[other]
            for other, rounds in enumerate(times)
            if other != entry and number in rounds
        ]
        return float(np.median(others)) if others else 1.0

    return [
        {
            number: sample._replace(seconds=sample.seconds / speed(entry, number))
            for number, sample in rounds.items()
        }
        for entry, rounds in enumerate(times)
    ]


def _beyond_rounds(workloads: Sequence[Sequence[_Delta]]) -> Variance:
    """The factor by which changes vary more than the rounds show, where no code has changed.

    It is a median, since the code of a few entries may have changed. A dozen entries know it
    poorly, so it is shrunk towards `USUAL`, as the scatter of processes is in `estimates`.
    """
    off = [
        abs(delta.value - float(np.median(others))) / math.sqrt(delta.variance.value)
        for same in workloads
        for delta in same
        if delta.variance and (others := _others(delta, same))
    ]
    prior, own = scatter.PRIOR_FREEDOM, scatter.MEDIAN_EFFICIENCY * len(off)
    found = (float(np.median(off)) / scatter.QUARTILE) ** 2 if off else USUAL
    return Variance(max(1.0, (prior * USUAL + own * found) / (prior + own)), prior + own)


def _versions(old: Header, new: Header) -> list[tuple[str, str, str]]:
    """What differs between two headers: the suite, Python, the system, packages."""
    was, now = _software(old), _software(new)
    names = [name for name in sorted(was | now) if was.get(name) != now.get(name)]
    return [(name, was.get(name, "none"), now.get(name, "none")) for name in names]


def _software(header: Header) -> dict[str, str]:
    machine, suite = header.machine, header.suite
    commit = (suite.commit or "unknown")[:12] + (" and changes" if suite.dirty else "")
    named = {"commit of the suite": commit, "python": machine.python, "system": machine.os}
    return named | machine.packages


def differences(old: Run, new: Run) -> list[str]:
    """Why two runs are not comparable: another machine, other threads, other work."""
    was, now = _comparable(old), _comparable(new)
    changed = [what for what in was if what in now and was[what] != now[what]]
    one, other = _threads(old.header), _threads(new.header)
    apart = [place for place in one if place in other and not one[place] & other[place]]
    return [
        *(f"{what}: {was[what]!r}, now {now[what]!r}" for what in changed),
        *(f"threads of {of!r}: {sorted(one[of])}, now {sorted(other[of])}" for of in apart),
    ]


def _comparable(run: Run) -> dict[str, Any]:
    """By what it is, whatever must be the same in two runs."""
    machine = run.header.machine
    facts: dict[str, Any] = {
        "CPU": machine.cpu,
        # The same container may be given other cores of the same CPU from one day to the next.
        "number of cores": len(machine.cores_used),
        "memory in GiB": round(machine.memory_bytes / 2**30),
        "GPUs": [gpu.name for gpu in machine.gpus],
        "TF32": run.header.tf32,
    }
    for name, workload in run.workloads.items():
        facts[f"dtype of workload {name!r}"] = workload.dtype
        facts[f"method of workload {name!r}"] = asdict(workload.method)
        facts[f"sha256 of workload {name!r}"] = workload.sha256
    return facts


def _threads(header: Header) -> dict[str, set[int]]:
    """By workload, backend and device."""
    found: dict[str, set[int]] = {}
    for entry in header.entries:
        where = f"{entry.workload}/{entry.name}/{entry.device}"
        found.setdefault(where, set()).add(entry.threads)
    return found
