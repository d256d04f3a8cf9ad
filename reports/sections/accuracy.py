"""Time to accuracy: the figure, the table and the sentence of each race."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matplotlib.axes import Axes

from reports import text
from reports.analysis.accuracy import TOLERANCES, ErrorCurve, Race
from reports.figures.axes import Curve, log_log, turns
from reports.figures.drawing import DASHES, INK, MARKERS, Picture, framework_colour

#: Errors below this are drawn at it: further decades would say nothing, and take up room.
_LEAST = 1e-16
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


@dataclass(frozen=True)
class RaceSection:
    """One race of descents and closed forms."""

    number: int
    race: Race

    @cached_property
    def labels(self) -> dict[str, str]:
        """The names of the entries, by id."""
        return text.labels([curve.row for curve in self.race.curves])

    @property
    def title(self) -> str:
        """The workloads that take part."""
        return f"{self.race.descent} and {text.both(self.race.closed)}"

    @property
    def curves(self) -> list[ErrorCurve]:
        """The first to reach the last tolerance first; then those that never do, as they stand."""

        def end(curve: ErrorCurve) -> float:
            reached = curve.time_to(TOLERANCES[-1])
            return reached.value if reached else math.inf

        return sorted(self.race.curves, key=end)

    def method(self, curve: ErrorCurve) -> str:
        """Which of the two kinds it is."""
        return "descent" if curve.row.entry.workload == self.race.descent else "closed form"

    @cached_property
    def sentence(self) -> str:
        """The first of either kind, from the last tolerance to the first."""
        said = []
        for tolerance in reversed(TOLERANCES):
            first = []
            for kind in ("closed form", "descent"):
                there = [
                    (reached.value, self.labels[curve.row.entry.id])
                    for curve in self.race.curves
                    if self.method(curve) == kind and (reached := curve.time_to(tolerance))
                ]
                seconds, name = min(there, default=(0.0, ""))
                takes = f"{name} ({kind}) takes {text.seconds(seconds)}"
                first.append(takes if there else f"no {kind} does")
            said.append(f"{power_of_ten(tolerance)}, {', '.join(first)}")
        return f"To reach the least-squares solution within {'; within '.join(said)}."

    @cached_property
    def picture(self) -> Picture:
        """A descent is a curve of its error over time, a closed form is a point."""
        found, drawn, said = self.race.curves, [], []
        kinds = [(curve.row.entry.framework, self.method(curve)) for curve in found]
        for curve, (framework, kind), turn in zip(found, kinds, turns(kinds), strict=True):
            label, colour = self.labels[curve.row.entry.id], framework_colour(framework)
            errors = np.maximum(curve.errors, _LEAST)
            if kind == "descent":
                dashes = DASHES[turn % len(DASHES)]
                drawn.append(Curve(label, colour, curve.seconds, errors, dashes=dashes, width=1.6))
            else:
                marker = MARKERS[turn % len(MARKERS)]
                drawn.append(Curve(label, colour, [curve.time], errors, marker, "none"))
            said.append(f"{label}: {text.error(curve.error)} after {text.seconds(curve.time)}")
        truth = self.race.statistical or 0.0

        def draw_truth(axes: Axes) -> None:
            if truth > 1e-12:
                label = "distance of the truth"
                axes.axhline(truth, color=INK, lw=0.8, ls=(0, (2, 2)), label=label)

        alt = f"Error against the least-squares solution over time. {'; '.join(said)}"
        y = "error against least squares, log scale"
        scales = ("time, log scale", text.tick), (y, power_of_ten)
        return log_log(f"accuracy-{self.number}", alt, drawn, scales, draw_truth)


def power_of_ten(value: float) -> str:
    """`10⁻³`."""
    return "10" + str(round(math.log10(value))).translate(_SUPERSCRIPT)
