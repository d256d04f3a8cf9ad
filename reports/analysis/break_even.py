"""From which size a GPU pays: fits on the CPU against fits on CUDA, over the sizes of a series.

There are two questions. With the data on the device, the times of one fit are compared. With the
data on the host, a transfer is added to each side. Transfers are not timed in rounds and so not
paired: the uncertainty of one widens the interval in proportion to its share of the total.
"""

import itertools
import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

from benchmarks import estimates, samples
from benchmarks.estimates import Estimate
from benchmarks.samples import Rounds
from benchmarks.scatter import Variance
from reports.analysis.crossing import Crossing, crossings
from reports.analysis.rows import Row
from reports.analysis.scaling import Key, Series, log_time

#: "from": slower below a size and faster above it; "until": the other way round.
Answer = Literal["from", "until", "always", "never", "cannot tell"]


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """What is usual against what may be faster, over the sizes at which both were timed."""

    ratios: Mapping[int, Estimate]  # time of what is usual over time of the other, by size

    @cached_property
    def crossing(self) -> Crossing | None:
        """The last one."""
        return next(reversed(crossings(self.ratios)), None)

    @property
    def answer(self) -> Answer:
        """Where the other is faster; the largest size at which that is certain decides."""
        sides = [ratio.against_one() for _, ratio in sorted(self.ratios.items())]
        certain = [side for side in sides if side != "cannot tell"]
        if not certain:
            return "cannot tell"
        if certain[-1] == "slower":  # what is usual
            return "from" if "faster" in certain else "always"
        return "until" if "slower" in certain else "never"

    @property
    def first_certain(self) -> int | None:
        """The smallest size at which it is certain which of the two is faster."""
        certain = [n for n, ratio in self.ratios.items() if ratio.against_one() != "cannot tell"]
        return min(certain, default=None)


@dataclass(frozen=True, kw_only=True)
class BreakEven(Comparison):
    """CPU against one GPU."""

    device: str  # the GPU
    backend: str | None  # None: the fastest right one of each device, at each size
    transfer: bool  # whether the data lie on the host, and their transfer counts


def break_evens(one: Series) -> list[BreakEven]:
    """By GPU: the fastest of each device, then each backend that ran on both; both questions."""
    devices = sorted({device for _, device, _ in one.rows if device != "cpu"})
    backends = dict.fromkeys(backend for backend, _, _ in one.rows)
    asked = itertools.product(devices, (None, *backends), (False, True))
    found = [_break_even(one, *question) for question in asked]
    return [one for one in found if one.ratios]


def _break_even(one: Series, device: str, backend: str | None, transfer: bool) -> BreakEven:
    ratios = {}
    for size in one.by_size:
        there = one.at(size)
        cpu, gpu = (_fastest(there, where, backend, transfer) for where in ("cpu", device))
        if cpu and gpu:
            confidence = estimates.simultaneous(len(there))
            known = next(iter(there.values())).scatter
            if ratio := estimates.ratio(cpu[0], gpu[0], confidence, known, cpu[1] + gpu[1]):
                ratios[size] = ratio
    return BreakEven(device=device, backend=backend, transfer=transfer, ratios=ratios)


def _fastest(
    there: Mapping[Key, Row], device: str, backend: str | None, transfer: bool
) -> tuple[Rounds, list[Variance]] | None:
    """The fastest on a device at one size: its times, and variances that they do not show."""
    sides = [
        _with_transfer(row) if transfer else (row.times, [])
        for (name, where, _), row in there.items()
        if where == device and backend in (None, name) and (row.transfers or not transfer)
    ]
    return min(sides, key=lambda side: samples.middle(side[0]), default=None)


def _with_transfer(row: Row) -> tuple[Rounds, list[Variance]]:
    """Each fit with a typical transfer, and what that adds to the variance of the log."""
    centre, known = log_time(row.transfers)
    transfer = math.exp(centre)
    totals = {n: one._replace(seconds=one.seconds + transfer) for n, one in row.times.items()}
    share = transfer / samples.middle(totals)
    return totals, [Variance(share**2 * known.value, known.freedom)]
