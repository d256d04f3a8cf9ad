"""Time to accuracy: the figure, the table and the sentence of each race."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np
from matplotlib.axes import Axes

from reports import text
from reports.analysis.accuracy import TOLERANCES, Path, Race
from reports.figures import axes as axes_of
from reports.figures.axes import Curve
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
        return text.labels([path.row for path in self.race.paths])

    @property
    def title(self) -> str:
        """The workloads that take part."""
        return f"{self.race.descent} and {text.both(self.race.closed)}"

    @property
    def paths(self) -> list[Path]:
        """The first to reach the last tolerance first; then those that never do, as they stand."""

        def when(path: Path) -> float:
            reached = path.time_to(TOLERANCES[-1])
            return reached.value if reached else math.inf

        return sorted(self.race.paths, key=when)

    def method(self, path: Path) -> str:
        """Which of the two kinds it is."""
        return "descent" if path.row.entry.workload == self.race.descent else "closed form"

    @cached_property
    def sentence(self) -> str:
        """The first of either kind, from the last tolerance to the first."""
        said = []
        for tolerance in reversed(TOLERANCES):
            first = []
            for kind in ("closed form", "descent"):
                there = [
                    (reached.value, self.labels[path.row.entry.id])
                    for path in self.race.paths
                    if self.method(path) == kind and (reached := path.time_to(tolerance))
                ]
                if there:
                    seconds, name = min(there)
                    first.append(f"{name} ({kind}) takes {text.seconds(seconds)}")
                else:
                    first.append(f"no {kind} does")
            said.append(f"{power_of_ten(tolerance)}, {', '.join(first)}")
        return f"To reach the least-squares solution within {'; within '.join(said)}."

    @cached_property
    def picture(self) -> Picture:
        """A descent is a curve of its error over time, a closed form is a point."""
        paths, curves = self.race.paths, []
        kinds = [(path.row.entry.framework, self.method(path)) for path in paths]
        for path, (framework, kind), turn in zip(paths, kinds, axes_of.turns(kinds), strict=True):
            look = self.labels[path.row.entry.id], framework_colour(framework)
            errors = np.maximum(path.errors, _LEAST)
            if kind == "descent":
                dashes = DASHES[turn % len(DASHES)]
                curves.append(Curve(*look, path.seconds, errors, dashes=dashes, width=1.6))
            elif path.row.time:
                marker = MARKERS[turn % len(MARKERS)]
                curves.append(Curve(*look, [path.row.time], errors, marker))
        truth = self.race.statistical or 0.0

        def draw_truth(axes: Axes) -> None:
            if truth > 1e-12:
                look = {"color": INK, "lw": 0.8, "ls": (0, (2, 2))}
                axes.axhline(truth, label="distance of the truth", **look)

        alt = "Error against the least-squares solution over time. " + "; ".join(
            f"{self.labels[path.row.entry.id]}: {text.error(path.error)} after "
            + text.seconds(path.row.time)
            for path in paths
        )
        x = "time, log scale", text.tick
        y = "error against least squares, log scale", power_of_ten
        return axes_of.log_log(f"accuracy-{self.number}", alt, curves, x, y, draw_truth)


def power_of_ten(value: float) -> str:
    """`10⁻³`."""
    return "10" + str(round(math.log10(value))).translate(_SUPERSCRIPT)
