"""From which size a GPU pays: fits on the CPU against fits on CUDA, over the sizes of a series.

There are two questions, since data have to get to the GPU. With the data on the device, the times
of one fit are compared. With the data on the host, a transfer is added to each side. Transfers are
not timed in rounds, so they are not paired: the uncertainty of a transfer widens the interval in
proportion to its share of the total.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks import estimates
from benchmarks.estimates import Estimate, Rounds, Variance
from reports.analysis.crossing import Crossing, crossings
from reports.analysis.rows import Row
from reports.analysis.scaling import Series, log_time

#: "from": CUDA is slower below a size and faster above it; "until": the other way round.
Answer = Literal["from", "until", "always", "never", "cannot tell"]


@dataclass(frozen=True)
class BreakEven:
    """CPU against one GPU, over the sizes at which both were timed."""

    device: str  # the GPU
    backend: str | None  # None: the fastest right one of each device, at each size
    transfer: bool  # whether the data lie on the host, and their transfer counts
    ratios: Mapping[int, Estimate]  # time on the CPU over time on the GPU, by size
    answer: Answer
    crossing: Crossing | None  # for "from" and "until": the last one

    @property
    def first_certain(self) -> int | None:
        """The smallest size at which it is certain which of the two is faster."""
        certain = [n for n, ratio in self.ratios.items() if ratio.against_one() != "cannot tell"]
        return min(certain, default=None)


def break_evens(one: Series) -> list[BreakEven]:
    """By GPU: the fastest of each device, then each backend that ran on both; both questions."""
    devices = sorted({device for _, device, _ in one.rows if device != "cpu"})
    backends = dict.fromkeys(backend for backend, _, _ in one.rows)
    asked = itertools.product(devices, (None, *backends), (False, True))
    found = [_break_even(one, *question) for question in asked]
    return [one for one in found if one.ratios]


def _break_even(one: Series, device: str, backend: str | None, transfer: bool) -> BreakEven:
    ratios = {}
    for size in one.names:
        rows = [curve[size] for curve in one.rows.values() if size in curve]
        cpu, gpu = (_fastest(rows, where, backend, transfer) for where in ("cpu", device))
        if cpu and gpu and (ratio := _ratio(cpu, gpu, len(rows), transfer)):
            ratios[size] = ratio
    last = next(reversed(crossings(ratios)), None)
    return BreakEven(device, backend, transfer, ratios, _answer(ratios), last)


def _answer(ratios: Mapping[int, Estimate]) -> Answer:
    """From the sizes at which it is certain; the largest of them decides."""
    sides = [ratio.against_one() for _, ratio in sorted(ratios.items())]
    certain = [side for side in sides if side != "cannot tell"]
    if not certain:
        return "cannot tell"
    if certain[-1] == "slower":  # the CPU is
        return "from" if "faster" in certain else "always"
    return "until" if "slower" in certain else "never"


def _fastest(rows: Sequence[Row], device: str, backend: str | None, transfer: bool) -> Row | None:
    """Among the rows of one size, by the time in question."""
    known = {
        seconds: row
        for row in rows
        if row.entry.device == device
        and backend in (None, row.entry.name)
        and (seconds := row.with_transfer if transfer else estimates.middle(row.times))
    }
    return known[min(known)] if known else None


def _ratio(cpu: Row, gpu: Row, n_entries: int, transfer: bool) -> Estimate | None:
    """The time on the CPU over that on the GPU."""
    sides = [_with_transfer(row) if transfer else (row.times, None) for row in (cpu, gpu)]
    (cpu_times, _), (gpu_times, _) = sides
    further = [variance for _, variance in sides if variance]
    return estimates.ratio(cpu_times, gpu_times, estimates.simultaneous(n_entries), further)


def _with_transfer(row: Row) -> tuple[Rounds, Variance]:
    """Each fit with a typical transfer, and what the transfer adds to the variance of its log."""
    centre, known = log_time(row.transfers)
    transfer = math.exp(centre)
    totals = {n: one._replace(seconds=one.seconds + transfer) for n, one in row.times.items()}
    share = transfer / estimates.middle(totals)
    return totals, Variance(share**2 * known.value, known.freedom)
