"""From which size CUDA pays: one sentence and one figure for each series, and its backends."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from matplotlib.axes import Axes

from reports.analysis.break_even import BreakEven, Comparison
from reports.figures.axes import Curve, log_log
from reports.figures.drawing import DASHES, INK, MARKERS, VERMILION, Picture
from reports.sections.scaling import SeriesSection, round_size

#: Where the data are, by whether their transfer counts; and the colours of the two.
PLACES = {False: "on the device", True: "on the host"}
_COLOURS = {False: INK, True: VERMILION}


@dataclass(frozen=True)
class BreakEvenSection:
    """One series that ran on the CPU and on a GPU."""

    series: SeriesSection
    points: Sequence[BreakEven]

    @property
    def devices(self) -> list[str]:
        """The GPUs."""
        return list(dict.fromkeys(p.device for p in self.points if p.backend is None))

    @property
    def conditions(self) -> str:
        """What all sizes have in common."""
        return f"at {self.series.fixed}, {self.series.series.method}"

    @property
    def backends(self) -> dict[str, dict[bool, BreakEven]]:
        """Each backend that ran on both against itself, by whether the transfer counts."""
        own = dict.fromkeys((p.backend, p.device) for p in self.points if p.backend is not None)
        return {f"{name} ({self._cuda(device)})": self._of(name, device) for name, device in own}

    @cached_property
    def sentences(self) -> list[str]:
        """What the fastest of each device say, one sentence for each GPU."""
        found = []
        for device in self.devices:
            said = [
                f"{when(point, self.series.series.varied)} with the data {PLACES[transfer]}"
                for transfer, point in self._of(None, device).items()
            ]
            fastest = f"the fastest right backend of each device, {self.conditions}."
            found.append(f"{self._cuda(device)} pays {', and '.join(said)}: {fastest}")
        return found

    def _cuda(self, device: str) -> str:
        """CUDA, or which of several GPUs."""
        return device if len(self.devices) > 1 else "CUDA"

    def _of(self, backend: str | None, device: str) -> dict[bool, BreakEven]:
        return {p.transfer: p for p in self.points if (p.backend, p.device) == (backend, device)}

    @cached_property
    def picture(self) -> Picture:
        """Time on the CPU over time on the GPU, the fastest of each device."""
        fastest = [point for point in self.points if point.backend is None]
        curves, said = [], []
        for point in fastest:
            ratios = dict(sorted(point.ratios.items()))
            place, number = f"data {PLACES[point.transfer]}", self.devices.index(point.device)
            label = f"{point.device}, {place}" if len(self.devices) > 1 else place
            look = MARKERS[number % len(MARKERS)], DASHES[point.transfer]
            colour = _COLOURS[point.transfer]
            curves.append(Curve(label, colour, ratios, ratios.values(), *look))
            values = ", ".join(f"{ratio.value:.2g} at {size:,}" for size, ratio in ratios.items())
            said.append(f"{point.device}, {place}: {values}")

        def draw_crossings(axes: Axes) -> None:
            axes.axhline(1, color=INK, lw=0.9)
            for point in fastest:
                if found := point.crossing:
                    look = _COLOURS[point.transfer]
                    axes.axvspan(found.low, found.high, color=look, alpha=0.25, lw=0)

        alt = f"Time on the CPU over time on CUDA, the fastest of each device. {'; '.join(said)}"
        x, y = f"{self.series.series.varied}, log scale", "time on the CPU / on CUDA"
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
