"""Who is ahead while a workload is still being measured."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import estimates
from benchmarks.engine.schedule import Runner
from benchmarks.estimates import Estimate
from reports.analysis import rows as results


@dataclass(frozen=True)
class Standing:
    """One entry so far."""

    name: str  # backend, device, threads
    rank: str
    seconds: float  # the median time of one fit
    ratio: Estimate | None  # of its time to the baseline's; None for the baseline itself
    rounds: int


def standings(runners: Sequence[Runner], baselines: Sequence[str]) -> list[Standing]:
    """Those that have been timed, the fastest first.

    Args:
        runners: of one workload.
        baselines: ids of the entries that the others are to be compared with; the first that has
            been timed is taken, or else the fastest.
    """
    timed = [runner for runner in runners if runner.rounds and not runner.lost]
    timed.sort(key=lambda runner: estimates.middle(runner.rounds))
    confidence = estimates.simultaneous(len(timed))
    ranks = results.ranks([{"entry": r.entry, "times": r.rounds} for r in timed], confidence)
    by_entry = {runner.entry: runner for runner in timed}
    found = [by_entry[entry] for entry in baselines if entry in by_entry]
    baseline = next(iter(found or timed), None)
    return [
        Standing(
            name=" ".join(runner.entry.rsplit("/", 3)[1:]),
            rank=ranks[runner.entry],
            seconds=estimates.middle(runner.rounds),
            ratio=estimates.ratio(runner.rounds, baseline.rounds, confidence)
            if baseline and runner is not baseline
            else None,
            rounds=len(runner.rounds),
        )
        for runner in timed
    ]
