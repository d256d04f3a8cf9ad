"""From which size CUDA pays: one sentence and one figure for each series, and its backends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from matplotlib.axes import Axes

from reports.analysis.break_even import BreakEven
from reports.figures import axes as axes_of
from reports.figures.axes import Curve
from reports.figures.drawing import DASHES, INK, MARKERS, VERMILION, Picture
from reports.sections.scaling import SeriesSection

#: Where the data are, by whether their transfer counts; and the colours of the two.
PLACES = {False: "on the device", True: "on the host"}
_COLOURS = {False: INK, True: VERMILION}


@dataclass(frozen=True)
class BreakEvenSection:
    """One series that ran on the CPU and on a GPU."""

    series: SeriesSection
    points: Sequence[BreakEven]

    @property
    def title(self) -> str:
        """The question."""
        series = self.series
        return f"From how many {series.varied}, at {series.fixed}, {series.series.method}"

    @cached_property
    def devices(self) -> list[str]:
        """The GPUs."""
        return list(dict.fromkeys(point.device for point in self.points))

    def device_name(self, device: str) -> str:
        """CUDA, or which of several GPUs."""
        return device if len(self.devices) > 1 else "CUDA"

    def _of(self, backend: str | None, device: str) -> dict[bool, BreakEven]:
        """By whether the transfer counts."""
        return {p.transfer: p for p in self.points if (p.backend, p.device) == (backend, device)}

    @property
    def backends(self) -> dict[str, dict[bool, BreakEven]]:
        """Each backend that ran on the CPU and on a GPU, against itself; as `_of`."""
        own = dict.fromkeys((p.backend, p.device) for p in self.points if p.backend is not None)
        return {
            f"{backend} ({self.device_name(device)})": self._of(backend, device)
            for backend, device in own
        }

    @cached_property
    def sentences(self) -> list[str]:
        """What the fastest of each device say, one sentence for each GPU."""
        said = []
        for device in self.devices:
            fastest = self._of(None, device)
            answers = [
                f"{self.when(fastest[transfer])} with the data {place}"
                for transfer, place in PLACES.items()
                if transfer in fastest
            ]
            said.append(
                f"{self.device_name(device)} pays {', and '.join(answers)}: the fastest right "
                f"backend of each device, at {self.series.fixed}, {self.series.series.method}."
            )
        return said

    def when(self, point: BreakEven) -> str:
        """What follows "CUDA pays": `from about 40,000 samples (38,000 to 43,000)`."""
        sizes, found, varied = sorted(point.ratios), point.crossing, self.series.varied
        if found and point.answer in ("from", "until"):
            between = f"{_size(found.low)} to {_size(found.high)}"
            way = "from" if point.answer == "from" else "only below"
            if found.size is None:
                return f"{way} somewhere in {between} {varied}"
            return f"{way} about {_size(found.size)} {varied} ({between})"
        if point.answer == "always":
            least = point.first_certain or sizes[0]
            certainly = " for certain" if least > sizes[0] else ", the fewest tried,"
            return f"from {least:,} {varied}{certainly}"
        if point.answer == "never":
            return f"at no size up to {sizes[-1]:,} {varied}"
        return "at no size for certain"

    @cached_property
    def picture(self) -> Picture:
        """Time on the CPU over time on the GPU, the fastest of each device."""
        fastest = [point for point in self.points if point.backend is None]
        curves, said = [], []
        for point in fastest:
            ratios, place = dict(sorted(point.ratios.items())), PLACES[point.transfer]
            label = f"{point.device}, data {place}" if len(self.devices) > 1 else f"data {place}"
            look = label, _COLOURS[point.transfer]
            marker = MARKERS[self.devices.index(point.device) % len(MARKERS)]
            dashes = DASHES[point.transfer]
            curves.append(Curve(*look, list(ratios), list(ratios.values()), marker, dashes))
            values = ", ".join(f"{ratio.value:.2g} at {size:,}" for size, ratio in ratios.items())
            said.append(f"{point.device}, data {place}: {values}")

        def draw_crossings(axes: Axes) -> None:
            axes.axhline(1, color=INK, lw=0.9)
            for point in fastest:
                if found := point.crossing:
                    colour = _COLOURS[point.transfer]
                    axes.axvspan(found.low, found.high, color=colour, alpha=0.25, lw=0)

        alt = "Time on the CPU over time on CUDA, the fastest of each device. " + "; ".join(said)
        x = f"{self.series.varied}, log scale", "{:,.0f}".format
        y = "time on the CPU / on CUDA", "{:g}×".format
        name = f"break-even-{self.series.number}"
        return axes_of.log_log(name, alt, curves, x, y, draw_crossings)


def _size(value: float) -> str:
    """A size to three digits, `38,200`: an interval may be narrower than two could tell."""
    return f"{float(f'{value:.3g}'):,.0f}"
