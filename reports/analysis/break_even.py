"""From which size a GPU pays: fits on the CPU against fits on CUDA, over the sizes of a series.

Two questions, since data have to get there: with data that lie on the device, the times of one fit
are compared; with data on the host, each side has the time of its transfer besides. Transfers are
not timed in rounds, so their ratio is not paired, and what is not known of them widens the interval
by as much of it as the transfer is of the whole. Pure functions of rows; nothing is measured here.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from benchmarks import estimates
from benchmarks.estimates import Estimate, Rounds, Variance
from reports.analysis.crossing import Crossing, crossings
from reports.analysis.rows import Row
from reports.analysis.scaling import Series

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
    asked = [
        (device, backend, transfer)
        for device in devices
        for backend in (None, *backends)
        for transfer in (False, True)
    ]
    found = [_break_even(one, *question) for question in asked]
    return [one for one in found if one.ratios]


def _break_even(one: Series, device: str, backend: str | None, transfer: bool) -> BreakEven:
    ratios = {}
    for size in one.names:
        rows = [curve[size] for curve in one.rows.values() if size in curve]
        cpu, gpu = (_fastest(rows, where, backend, transfer) for where in ("cpu", device))
        if cpu and gpu:
            confidence = estimates.simultaneous(len(rows))
            ratio = _with_transfer if transfer else _of_fits
            if found := ratio(cpu, gpu, confidence):
                ratios[size] = found
    passages = crossings(ratios)
    return BreakEven(
        device, backend, transfer, ratios, _answer(ratios), passages[-1] if passages else None
    )


def _answer(ratios: Mapping[int, Estimate]) -> Answer:
    """By the sizes at which it is certain; the largest of them has the last word."""
    sides = [ratio.against_one() for _, ratio in sorted(ratios.items())]
    certain = [side for side in sides if side != "cannot tell"]
    if not certain:
        return "cannot tell"
    if certain[-1] == "slower":  # the CPU is
        return "from" if "faster" in certain else "always"
    return "until" if "slower" in certain else "never"


def _fastest(rows: Sequence[Row], device: str, backend: str | None, transfer: bool) -> Row | None:
    """Of rows of one size, by the time that is asked for."""

    def seconds(row: Row) -> float:
        found = row.with_transfer_seconds if transfer else row.seconds_median
        return math.inf if found is None else found

    there = [row for row in rows if row.device == device and backend in (None, row.backend)]
    best = min(there, key=seconds, default=None)
    return None if best is None or seconds(best) == math.inf else best


def _of_fits(cpu: Row, gpu: Row, confidence: float) -> Estimate | None:
    return estimates.ratio(cpu.times, gpu.times, confidence)


def _with_transfer(cpu: Row, gpu: Row, confidence: float) -> Estimate | None:
    (cpu_times, of_cpu), (gpu_times, of_gpu) = _totals(cpu), _totals(gpu)
    return estimates.ratio(cpu_times, gpu_times, confidence, [of_cpu, of_gpu])


def _totals(row: Row) -> tuple[Rounds, Variance]:
    """Fits with a typical transfer each, and the variance of their logarithm that is due to it."""
    transfer, known = _transfer(row)
    totals = {n: one._replace(seconds=one.seconds + transfer) for n, one in row.times.items()}
    share = transfer / estimates.middle(totals)
    return totals, Variance(share**2 * known.value, known.freedom)


def _transfer(row: Row) -> tuple[float, Variance]:
    """The typical transfer in seconds, and the variance of its logarithm."""
    try:
        centre, variance = estimates.log_typical(row.transfers)
        return math.exp(centre), variance
    except ValueError:  # too few, or too short for the clock: known within a factor
        assumed = Variance((math.log(estimates.DRIFT) / 2) ** 2, estimates.PRIOR_FREEDOM)
        return estimates.middle(row.transfers), assumed
