"""How time grows with size: the figure, the table, and a sentence for each crossover."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from reports import text
from reports.analysis import scaling
from reports.analysis.rows import Row
from reports.analysis.scaling import Crossover, Exponent, Key, Series
from reports.figures import axes as axes_of
from reports.figures.axes import Curve
from reports.figures.drawing import DASHES, INK, MARKERS, Picture, framework_colour

_WORDS = {"n_samples": "samples", "n_features": "features"}


@dataclass(frozen=True)
class SeriesSection:
    """One series of sizes."""

    number: int
    series: Series

    @property
    def varied(self) -> str:
        """What the series varies: `samples`."""
        return _WORDS[self.series.dimension]

    @property
    def fixed(self) -> str:
        """What all its workloads have in common: `10 features, float32`."""
        kept = next(word for word in _WORDS.values() if word != self.varied)
        return f"{self.series.fixed:,} {kept}, {self.series.dtype}"

    @cached_property
    def labels(self) -> dict[Key, str]:
        """The names of the curves."""
        some = {key: next(iter(curve.values())) for key, curve in self.series.rows.items()}
        by_id = text.labels(some.values())
        return {key: by_id[row.entry.id] for key, row in some.items()}

    @cached_property
    def exponents(self) -> dict[Key, Exponent | None]:
        """By curve; None where it is no power law."""
        return {key: scaling.exponent(curve) for key, curve in self.series.rows.items()}

    @cached_property
    def sentences(self) -> list[str]:
        """One for each change of the lead."""
        if lead := scaling.leading(self.series):
            return [self._sentence(crossover) for crossover in lead]
        leaders, sizes = set(scaling.fastest(self.series)), list(self.series.names)
        sizes_of = f"{sizes[0]:,} to {sizes[-1]:,} {self.varied}"
        if len(leaders) == 1:
            return [f"{self.labels[leaders.pop()]} has the shortest time from {sizes_of}."]
        return [f"From {sizes_of}, the lead does not change for certain."]

    @cached_property
    def crossovers(self) -> list[str]:
        """All of them, pair by pair."""
        return [self._sentence(crossover) for crossover in scaling.crossovers(self.series)]

    def _sentence(self, found: Crossover) -> str:
        before, after = self.labels[found.before], self.labels[found.after]
        low, high = round_size(found.low), round_size(found.high)
        if found.size is None:
            return (
                f"{before} is faster up to {low} {self.varied} and {after} from {high} on; "
                "in between it is not certain at every size."
            )
        return (
            f"Below about {round_size(found.size)} {self.varied} ({low} to {high}) {before} is "
            f"faster than {after}, above it slower."
        )

    def bytes_of_X(self, size: int) -> int:  # noqa: N802
        """Of the feature matrix at one size."""
        return size * self.series.fixed * (4 if self.series.dtype == "float32" else 8)

    @cached_property
    def picture(self) -> Picture:
        """The time of one fit over size, and the floor."""
        curves, floors = [], dict[int, float]()
        frameworks = [
            next(iter(rows.values())).entry.framework for rows in self.series.rows.values()
        ]
        turns = axes_of.turns(frameworks)
        for (key, rows), framework, turn in zip(
            self.series.rows.items(), frameworks, turns, strict=True
        ):
            timed = {size: row.time for size, row in rows.items() if row.time}
            floors |= {size: row.floor.seconds for size, row in rows.items() if row.floor}
            look = self.labels[key], framework_colour(framework)
            points = list(timed), list(timed.values())
            curves.append(Curve(*look, *points, MARKERS[turn % len(MARKERS)], DASHES[turn % 3]))
        if floors:
            sizes = sorted(floors)
            at_sizes = [floors[size] for size in sizes]
            curves.append(Curve("floor", INK, sizes, at_sizes, width=0.9))
        ends = {
            self.labels[key]: (time_at(rows, min(rows)), time_at(rows, max(rows)))
            for key, rows in self.series.rows.items()
        }
        alt = f"Time of one fit over {self.varied}. " + "; ".join(
            f"{label}: {smallest}, {largest}" for label, (smallest, largest) in ends.items()
        )
        x = f"{self.varied}, log scale", "{:,.0f}".format
        y = "time of one fit, log scale", text.tick
        return axes_of.log_log(f"scaling-{self.number}", alt, curves, x, y)


def time_at(curve: Mapping[int, Row], size: int) -> str:
    """The time of one fit at a size: `1.40 ms at 1,000`."""
    return f"{text.seconds(curve[size].time)} at {size:,}"


def round_size(value: float) -> str:
    """A size to two digits: `38,000`."""
    return f"{float(f'{value:.2g}'):,.0f}"
