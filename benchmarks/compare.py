"""Two runs of different times: which entries have become slower, beyond what the machine did?

A machine that others use, too, drifts by up to a factor of two within minutes, so the plain ratio
of two times from two runs says little. What saves the comparison is that the entries of a
workload are timed together: what the machine does, it does to all of them. So each entry is held
against its workload, twice:

- within a run, round by round: each sample is divided by the machine's speed in its round, which
  the other entries show. An entry that was timed in the first rounds only is not mistaken for a
  slow one because the machine was slow just then;
- between the runs: the median change of the workload's entries is the machine's, and is taken out.

What is then left differs from entry to entry even if no code has changed: another process, another
memory layout, another neighbour on the machine. How much it differs is estimated from all entries
of the run, by medians, so that those few whose code did change do not hide themselves.

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

from benchmarks import estimates, results
from benchmarks.estimates import Comparison, Estimate, Rounds, Sample, Variance
from benchmarks.results import Row
from benchmarks.runfile import Record

#: With fewer common entries in a workload, the machine's change is not told from the code's.
FEWEST_ENTRIES = 4
#: The median of absolute residuals knows a scale as well as this share of as many residuals would
#: by their standard deviation (Huber & Ronchetti 2009, *Robust Statistics*, ch. 5).
_EFFICIENCY = 0.37
#: From so many residuals on, that they are small is no accident.
_ENOUGH = 12
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
class Compared:
    """Two runs, entry by entry."""

    changes: list[Change]
    newly_failing: list[Row]  # passed before, and now neither pass nor are known to fail
    unmatched: list[tuple[str, str]]  # entry, and why there is nothing to compare
    versions: list[tuple[str, str, str]]  # of packages and the suite, where they differ

    def slower(self, share: float) -> list[Change]:
        """The entries that have become slower by more than `share` for certain."""
        return [change for change in self.changes if change.ratio.low > 1 + share]


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
    changes = _changes([(before[entry], after[entry]) for entry in timed])
    return Compared(changes, failing, unmatched, _versions(old[0], new[0]))


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


def _changes(pairs: Sequence[tuple[Row, Row]]) -> list[Change]:
    deltas: dict[str, _Delta] = {}
    machines: dict[str, float] = {}  # the machine's own change of log time, by workload
    for workload in dict.fromkeys(new.workload for _, new in pairs):
        same = [(old, new) for old, new in pairs if new.workload == workload]
        was, now = (
            _steady({row.entry: row.times for row in side}) for side in zip(*same, strict=True)
        )
        found = {entry: _delta(was[entry], now[entry]) for entry in now}
        deltas |= found
        known = [delta.value for delta in found.values() if delta.variance]
        if len(known) >= FEWEST_ENTRIES:
            machines[workload] = float(np.median(known))
    scatter = _Scatter.of(
        [
            [
                (delta.value - machine, delta.variance.value)
                for _, new in pairs
                if new.workload == workload and (delta := deltas[new.entry]).variance
            ]
            for workload, machine in machines.items()
        ]
    )
    confidence = 1 - (1 - estimates.CONFIDENCE) / max(len(pairs), 1)
    result = []
    for old, new in pairs:
        delta, machine = deltas[new.entry], machines.get(new.workload)
        if machine is None:
            plain = math.log(estimates.middle(new.times) / estimates.middle(old.times))
            result.append(Change(old, new, None, estimates.assumed(plain)))
            continue
        centre = delta.value - machine
        if delta.variance:
            variance = scatter.variance(delta.variance)
            ratio = estimates.interval(centre, variance, confidence)
        else:
            ratio = estimates.assumed(centre)
        result.append(Change(old, new, math.exp(machine), ratio))
    return result


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


@dataclass(frozen=True)
class _Scatter:
    """How far an entry's change lies from the machine's, if no code has changed."""

    usual: Variance | None  # of a usual entry, whatever the cause; None: rounds explain it
    within: float  # the part of it that a usual entry's rounds show

    @classmethod
    def of(cls, workloads: Sequence[Sequence[tuple[float, float]]]) -> _Scatter:
        """From all entries of the run; by the median, as a few may have changed in earnest.

        Args:
            workloads: for each, its entries' changes less their median, and variances from rounds.
        """
        # A median goes through one of its points, or close by, which says nothing of the scatter
        # (Maronna et al. 2019, *Robust Statistics*, ch. 4).
        pairs = [pair for same in workloads for pair in sorted(same, key=lambda p: abs(p[0]))[1:]]
        if not pairs:
            return cls(None, 0.0)
        off, within = np.abs(pairs).T
        explained = float(np.median(off / np.sqrt(within))) <= _QUARTILE
        if explained and len(pairs) >= _ENOUGH:
            return cls(None, 0.0)
        # A dozen entries alone know little of their scatter: what processes usually differ by
        # is moderated by them, as in `estimates`, and never undercut.
        prior, own = estimates.PRIOR_FREEDOM, _EFFICIENCY * len(pairs)
        least, found = 2 * estimates.PROCESS_SPREAD**2, (float(np.median(off)) / _QUARTILE) ** 2
        usual = (prior * least + own * max(found, least)) / (prior + own)
        return cls(Variance(usual, prior + own), float(np.median(within)))

    def variance(self, within: Variance) -> Variance:
        """That of one entry: the usual one, and what its own rounds scatter more than usual."""
        if self.usual is None:
            return within
        more = Variance(max(0.0, within.value - self.within), within.freedom)
        return estimates.add([self.usual, more])


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
