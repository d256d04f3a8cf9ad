"""Two runs of different times: which entries have become slower, beyond what the machine did?

A machine that others use, too, drifts by up to a factor of two within minutes, so the plain ratio
of two times from two runs says little. What saves the comparison is that the entries of a
workload are timed together: what the machine does, it does to all of them. So each entry is held
against its workload, twice:

- within a run, round by round: each sample is divided by the machine's speed in its round, which
  the other entries show. An entry that was timed in the first rounds only is not mistaken for a
  slow one because the machine was slow just then;
- between the runs: the median change of the workload's other entries is the machine's, and is
  taken out.

What is then left differs from entry to entry even if no code has changed: another process, another
memory layout, another neighbour on the machine. The rounds of both runs show most of that. By what
factor it exceeds what they show is estimated from the entries of all other backends, by medians, so
that those whose code did change do not hide themselves.

A backend that has become slower is usually slower everywhere: the mean of its changes over all
workloads is told apart from 1 far sooner than any of them.

By workload, not by run, because the workloads of a run are timed one after another, and the machine
drifts in between. Too few entries (`FEWEST_ENTRIES`) cannot tell the machine's change from the
code's.

The limit: a slow-down that half or more of a workload's entries share is taken for the machine's,
and something that slows some kinds of entries only, such as a neighbour that fills the memory bus,
is taken for code where those are few. Measuring both versions in the same rounds has neither limit:
`linreg-bench run --against REV`.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy import stats

from benchmarks import estimates
from benchmarks.estimates import Comparison, Estimate, Rounds, Sample, Variance
from benchmarks.runfile import Record
from reports.analysis import rows as results
from reports.analysis.rows import Row

#: With fewer common entries in a workload, the machine's change is not told from the code's.
FEWEST_ENTRIES = 4
#: The median of absolute residuals knows a scale as well as this share of as many residuals would
#: by their standard deviation (Huber & Ronchetti 2009, *Robust Statistics*, ch. 5).
_EFFICIENCY = 0.37
#: The variance of an entry's change over what its rounds show, as it is usually found.
USUAL = 2.0
_QUARTILE = float(stats.norm.ppf(0.75))


@dataclass(frozen=True)
class Change:
    """What has become of one entry that both runs have timed. Times are seconds."""

    old: Row
    new: Row
    machine: float | None  # the machine's own new/old, taken out of `ratio`; None: unknown
    ratio: Estimate  # new/old; the intervals of all entries hold together

    @property
    def verdict(self) -> Comparison:
        """Whether the entry has become faster or slower."""
        return self.ratio.against_one()


@dataclass(frozen=True)
class Overall:
    """What has become of a backend on average over the workloads that both runs have timed.

    It is known better than any single entry: what is particular to one of them averages out.
    """

    place: str  # backend/device
    n_workloads: int
    ratio: Estimate  # new/old, the geometric mean, the machine taken out


@dataclass(frozen=True)
class Compared:
    """Two runs, entry by entry."""

    changes: list[Change]
    overall: list[Overall]  # of backends that have several workloads in both runs
    newly_failing: list[Row]  # passed before, and now neither pass nor are known to fail
    unmatched: list[tuple[str, str]]  # entry, and why there is nothing to compare
    versions: list[tuple[str, str, str]]  # of packages and the suite, where they differ

    def slower(self, share: float) -> list[str]:
        """The entries, and the backends on average, slower by more than `share` for certain."""
        entries = [c.new.entry for c in self.changes if c.ratio.low > 1 + share]
        return entries + [
            f"{mean.place} on average" for mean in self.overall if mean.ratio.low > 1 + share
        ]


def compare(old: Sequence[Record], new: Sequence[Record]) -> Compared:
    """Hold the entries of `new` against those of `old`, both as `runfile.read` returns them."""
    before, after = _rows(old), _rows(new)
    both = [entry for entry in after if entry in before]
    timed = [e for e in both if before[e].status == after[e].status == "passed"]
    failing = [
        after[entry]
        for entry in both
        if before[entry].passed
        and after[entry].status == "failed"
        and not after[entry].known_failure
    ]
    told = {*timed, *(row.entry for row in failing)}
    unmatched = [
        (entry, f"{_status(before.get(entry))} in the old run, {_status(after.get(entry))} now")
        for entry in before | after
        if entry not in told
    ]
    changes, overall = _changes([(before[entry], after[entry]) for entry in timed])
    return Compared(changes, overall, failing, unmatched, _versions(old[0], new[0]))


def _rows(records: Sequence[Record]) -> dict[str, Row]:
    """By entry; without those of another revision that was measured beside it."""
    others = {e["entry"] for e in records[0]["entries"] if e.get("variant_of")}
    return {row.entry: row for row in results.rows(records) if row.entry not in others}


def _status(row: Row | None) -> str:
    if row is None:
        return "not there"
    return "timed" if row.status == "passed" else row.status


@dataclass(frozen=True)
class _Delta:
    """The change of one entry's log time, and how well both runs know theirs."""

    value: float
    variance: Variance | None  # None: too few rounds

    def less(self, machine: float) -> _Delta:
        """Without the machine's own change of log time."""
        return _Delta(self.value - machine, self.variance)


def _changes(pairs: Sequence[tuple[Row, Row]]) -> tuple[list[Change], list[Overall]]:
    places = {new.entry: f"{new.backend}/{new.device}" for _, new in pairs}
    workloads = [
        _deltas([(old, new) for old, new in pairs if new.workload == workload])
        for workload in dict.fromkeys(new.workload for _, new in pairs)
    ]
    machines: dict[str, float] = {}  # by entry: the machine's own change of log time
    deltas: dict[str, _Delta] = {}  # by entry, without it
    for found in workloads:
        for entry, delta in found.items():
            others = _others(found, entry)
            if len(others) >= FEWEST_ENTRIES - 1:
                machines[entry] = float(np.median(others))
                deltas[entry] = delta.less(machines[entry])
    beyond = {
        place: _beyond_rounds(
            # Not even in what the others are held against may this backend have a part.
            [{e: d for e, d in found.items() if places[e] != place} for found in workloads]
        )
        for place in places.values()
    }
    # Half of the risk for all entries, half for the means: those are few, and show most.
    each, overall = (
        1 - (1 - estimates.CONFIDENCE) / 2 / max(n, 1) for n in (len(pairs), len(beyond))
    )
    changes = []
    for old, new in pairs:
        if new.entry not in machines:
            plain = math.log(estimates.middle(new.times) / estimates.middle(old.times))
            changes.append(Change(old, new, None, estimates.assumed(plain)))
            continue
        ratio = _mean([deltas[new.entry]], beyond[places[new.entry]], each)
        changes.append(Change(old, new, math.exp(machines[new.entry]), ratio))
    together: dict[str, list[_Delta]] = {}
    for entry, delta in deltas.items():
        together.setdefault(places[entry], []).append(delta)
    return changes, [
        Overall(place, len(same), _mean(same, beyond[place], overall))
        for place, same in together.items()
        if len(same) > 1
    ]


def _others(found: Mapping[str, _Delta], entry: str) -> list[float]:
    """The changes that an entry of the same workload is held against."""
    return [delta.value for other, delta in found.items() if delta.variance and other != entry]


def _deltas(pairs: Sequence[tuple[Row, Row]]) -> dict[str, _Delta]:
    """The changes of one workload's entries."""
    was, now = (
        _steady({row.entry: row.times for row in side}) for side in zip(*pairs, strict=True)
    )
    return {entry: _delta(was[entry], now[entry]) for entry in now}


def _mean(deltas: Sequence[_Delta], beyond: Variance, confidence: float) -> Estimate:
    """The geometric mean of changes, the machine taken out."""
    n = len(deltas)
    centre = sum(delta.value for delta in deltas) / n
    parts = [Variance(d.variance.value / n**2, d.variance.freedom) for d in deltas if d.variance]
    if len(parts) < n:
        return estimates.assumed(centre)
    # Two factors that are both estimates: their relative errors add up.
    within = estimates.add(parts)
    freedom = 1 / (1 / within.freedom + 1 / beyond.freedom)
    return estimates.interval(centre, Variance(within.value * beyond.value, freedom), confidence)


def _steady(times: Mapping[str, Rounds]) -> dict[str, Rounds]:
    """The samples of a workload's entries, each divided by the machine's speed in its round.

    That speed is what the other entries of the round show: the median of their times, each over
    its own typical time. It is what median polish does (Tukey 1977, *Exploratory Data Analysis*,
    ch. 11), but leaves an entry out of what it is held against.
    """
    middles = {entry: estimates.middle(rounds) for entry, rounds in times.items()}

    def speed(entry: str, number: int) -> float:
        others = [
            rounds[number].seconds / middles[other]
            for other, rounds in times.items()
            if other != entry and number in rounds
        ]
        return float(np.median(others)) if others else 1.0

    return {
        entry: {
            number: Sample(sample.replicate, sample.seconds / speed(entry, number))
            for number, sample in rounds.items()
        }
        for entry, rounds in times.items()
    }


def _delta(old: Rounds, new: Rounds) -> _Delta:
    if min(len(old), len(new)) < estimates.FEWEST:
        return _Delta(math.log(estimates.middle(new) / estimates.middle(old)), None)
    (was, was_variance), (is_, is_variance) = map(estimates.log_typical, (old, new))
    return _Delta(is_ - was, estimates.add([was_variance, is_variance]))


def _beyond_rounds(workloads: Sequence[Mapping[str, _Delta]]) -> Variance:
    """By what factor changes vary more than the rounds of both runs show, if no code has changed.

    By the median, as a few may have changed in earnest. A dozen entries alone know little of it:
    `USUAL` is what was found so far, and moderates them, as processes are in `estimates`.

    Args:
        workloads: for each, the changes of entries that are taken for unchanged.
    """
    off = [
        abs(delta.value - float(np.median(others))) / math.sqrt(delta.variance.value)
        for found in workloads
        for entry, delta in found.items()
        if delta.variance and (others := _others(found, entry))
    ]
    prior, own = estimates.PRIOR_FREEDOM, _EFFICIENCY * len(off)
    found = (float(np.median(off)) / _QUARTILE) ** 2 if off else USUAL
    return Variance(max(1.0, (prior * USUAL + own * found) / (prior + own)), prior + own)


def _versions(old: Record, new: Record) -> list[tuple[str, str, str]]:
    """What differs between two headers: the suite, Python, the system, packages."""
    was, now = (_software(header) for header in (old, new))
    names = sorted(was | now)
    return [
        (name, was.get(name, "none"), now.get(name, "none"))
        for name in names
        if was.get(name) != now.get(name)
    ]


def _software(header: Record) -> dict[str, str]:
    machine, suite = header["machine"], header["suite"]
    commit = str(suite["commit"] or "unknown")[:12] + (" and changes" if suite["dirty"] else "")
    return {
        "commit of the suite": commit,
        "python": machine["python"],
        "system": machine["os"],
        **machine["packages"],
    }


def differences(old: Sequence[Record], new: Sequence[Record]) -> list[str]:
    """Why two runs are not comparable: another machine, other threads, other work."""
    was, now = old[0]["machine"], new[0]["machine"]
    # The same container may be given other cores of the same CPU from one day to the next.
    facts: dict[str, tuple[Any, ...]] = {
        "CPU": (was["cpu"], now["cpu"]),
        "number of cores": (len(was["cores_used"]), len(now["cores_used"])),
        "memory in GiB": tuple(round(m["memory_bytes"] / 2**30) for m in (was, now)),
        "GPUs": tuple([gpu["name"] for gpu in m["gpus"]] for m in (was, now)),
        "TF32": tuple(header[0].get("tf32", False) for header in (old, new)),
    }
    threads = [_threads(header[0]) for header in (old, new)]
    for place in threads[0]:
        if place in threads[1] and not threads[0][place] & threads[1][place]:
            facts[f"threads of {'/'.join(place)!r}"] = tuple(sorted(t[place]) for t in threads)
    made = [results.workloads(records) for records in (old, new)]
    for name in (name for name in made[0] if name in made[1]):
        for field in ("dtype", "method", "sha256"):
            facts[f"{field} of workload {name!r}"] = tuple(m[name][field] for m in made)
    return [
        f"{what}: {one!r}, now {other!r}" for what, (one, other) in facts.items() if one != other
    ]


def _threads(header: Record) -> dict[tuple[str, str, str], set[int]]:
    """By workload, backend and device."""
    found: dict[tuple[str, str, str], set[int]] = {}
    for entry in header["entries"]:
        place = (entry["workload"], entry["backend"], entry["device"])
        found.setdefault(place, set()).add(entry["threads"])
    return found
