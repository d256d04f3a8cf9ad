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

from matplotlib.axes import Axes

from benchmarks import estimates, samples
from benchmarks.estimates import Estimate
from benchmarks.samples import Rounds
from benchmarks.scatter import Variance
from reports.analysis.crossing import Comparison
from reports.analysis.rows import Row
from reports.figures.axes import Curve, log_log
from reports.figures.drawing import DASHES, INK, MARKERS, VERMILION, Picture
from reports.sections.scaling import CurveKey, Series, log_time, round_size

#: Where the data are, by whether their transfer counts; and the colours of the two.
PLACES = {False: "on the device", True: "on the host"}
_COLOURS = {False: INK, True: VERMILION}

#: CPU against a GPU: by the backend, or None for the fastest right one of each device at each size,
#: and by the GPU; then by whether the transfer counts.
Answers = dict[tuple[str | None, str], dict[bool, Comparison]]


def _ratios(one: Series, device: str, backend: str | None, transfer: bool) -> dict[int, Estimate]:
    """Time on the CPU over time on the device, by size."""
    ratios = {}
    for size in one.by_size:
        there = one.at(size)
        cpu, gpu = (_fastest(there, where, backend, transfer) for where in ("cpu", device))
        if cpu and gpu:
            confidence = estimates.simultaneous(len(there))
            known = next(iter(there.values())).scatter
            if ratio := estimates.ratio(cpu[0], gpu[0], confidence, known, cpu[1] + gpu[1]):
                ratios[size] = ratio
    return ratios


def _fastest(
    there: Mapping[CurveKey, Row], device: str, backend: str | None, transfer: bool
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


@dataclass(frozen=True)
class BreakEven:
    """One series: CPU against GPU."""

    series: Series

    @cached_property
    def answers(self) -> Answers:
        """By GPU: the fastest of each device, then each backend that ran on both."""
        devices = sorted({device for _, device, _ in self.series.rows if device != "cpu"})
        backends = dict.fromkeys(backend for backend, _, _ in self.series.rows)
        found: Answers = {}
        for device, backend, transfer in itertools.product(devices, (None, *backends), PLACES):
            if ratios := _ratios(self.series, device, backend, transfer):
                found.setdefault((backend, device), {})[transfer] = Comparison(ratios)
        return found

    @cached_property
    def fastest(self) -> dict[str, dict[bool, Comparison]]:
        """The fastest of each device, by GPU."""
        return {device: found for (name, device), found in self.answers.items() if name is None}

    @property
    def conditions(self) -> str:
        """What all sizes have in common."""
        return f"at {self.series.setting}, {self.series.method}"

    @property
    def backends(self) -> dict[str, dict[bool, Comparison]]:
        """Each backend that ran on both against itself, by whether the transfer counts."""
        return {
            f"{name} ({self._cuda(device)})": found
            for (name, device), found in self.answers.items()
            if name is not None
        }

    @cached_property
    def sentences(self) -> list[str]:
        """What the fastest of each device say, one sentence for each GPU."""
        found = []
        for device, by_place in self.fastest.items():
            said = [
                f"{when(point, self.series.varied)} with the data {PLACES[transfer]}"
                for transfer, point in by_place.items()
            ]
            fastest = f"the fastest right backend of each device, {self.conditions}."
            found.append(f"{self._cuda(device)} pays {', and '.join(said)}: {fastest}")
        return found

    def _cuda(self, device: str) -> str:
        """CUDA, or which of several GPUs."""
        return device if len(self.fastest) > 1 else "CUDA"

    @cached_property
    def picture(self) -> Picture:
        """Time on the CPU over time on the GPU, the fastest of each device."""
        curves, said, spans = [], [], []
        for number, (device, by_place) in enumerate(self.fastest.items()):
            for transfer, point in by_place.items():
                ratios, place = dict(sorted(point.ratios.items())), f"data {PLACES[transfer]}"
                label = f"{device}, {place}" if len(self.fastest) > 1 else place
                look = MARKERS[number % len(MARKERS)], DASHES[transfer]
                colour = _COLOURS[transfer]
                curves.append(Curve(label, colour, ratios, ratios.values(), *look))
                values = ", ".join(f"{one.value:.2g} at {size:,}" for size, one in ratios.items())
                said.append(f"{device}, {place}: {values}")
                if found := point.crossing:
                    spans.append((found.low, found.high, colour))

        def draw_crossings(axes: Axes) -> None:
            axes.axhline(1, color=INK, lw=0.9)
            for low, high, colour in spans:
                axes.axvspan(low, high, color=colour, alpha=0.25, lw=0)

        alt = f"Time on the CPU over time on CUDA, the fastest of each device. {'; '.join(said)}"
        x, y = f"{self.series.varied}, log scale", "time on the CPU / on CUDA"
        scales = (x, "{:,.0f}".format), (y, "{:g}×".format)
        return log_log(f"break-even-{self.series.number}", alt, curves, scales, draw_crossings)


def when(point: Comparison, varied: str) -> str:
    """What follows "CUDA pays": `from about 40,000 samples (38,000 to 43,000)`."""
    sizes, found = sorted(point.ratios), point.crossing
    if found and point.answer in ("from", "until"):
        # To three digits: an interval may be narrower than two could tell.
        between = f"{round_size(found.low, 3)} to {round_size(found.high, 3)}"
        way = "from" if point.answer == "from" else "only below"
        if found.size is None:
            return f"{way} somewhere in {between} {varied}"
        return f"{way} about {round_size(found.size, 3)} {varied} ({between})"
    if point.answer == "always":
        least = point.first_certain or sizes[0]
        certainly = " for certain" if least > sizes[0] else ", the fewest tried,"
        return f"from {least:,} {varied}{certainly}"
    if point.answer == "never":
        return f"at no size up to {sizes[-1]:,} {varied}"
    return "at no size for certain"
