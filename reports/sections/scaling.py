"""How time grows with size: the figure, the table, and a sentence for each crossover."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property

from reports import text
from reports.analysis import scaling
from reports.analysis.rows import Row, leaders
from reports.analysis.scaling import Crossover, Key, Series
from reports.figures.axes import Curve, log_log, turns
from reports.figures.drawing import DASHES, INK, MARKERS, Picture, framework_colour


@dataclass(frozen=True)
class SeriesSection:
    """One series of sizes."""

    number: int
    series: Series

    @property
    def fixed(self) -> str:
        """What all its workloads have in common: `10 features, float32`."""
        return f"{self.series.fixed:,} {self.series.kept}, {self.series.dtype}"

    @cached_property
    def labels(self) -> dict[Key, str]:
        """The names of the curves."""
        some = {key: next(iter(curve.values())) for key, curve in self.series.rows.items()}
        by_id = text.labels(some.values())
        return {key: by_id[row.entry.id] for key, row in some.items()}

    @cached_property
    def sentences(self) -> list[str]:
        """One for each change of the lead."""
        if lead := scaling.leading(self.series):
            return [self._sentence(crossover) for crossover in lead]
        fastest, sizes = set(scaling.fastest(self.series)), list(self.series.by_size)
        all_sizes = f"{sizes[0]:,} to {sizes[-1]:,} {self.series.varied}"
        if len(fastest) == 1:
            name = self.labels[fastest.pop()]
            if all(len(leaders(rows.values())) == 1 for rows in map(self.series.at, sizes)):
                return [f"{name} is the fastest from {all_sizes}."]
            shared = "the first place is not certain at every size"
            return [f"{name} has the shortest median time from {all_sizes}; {shared}."]
        return [f"From {all_sizes}, the lead does not change for certain."]

    @cached_property
    def crossovers(self) -> list[str]:
        """All of them, pair by pair."""
        return [self._sentence(crossover) for crossover in self.series.crossovers]

    def _sentence(self, found: Crossover) -> str:
        before, after = self.labels[found.before], self.labels[found.after]
        low, high = round_size(found.low), round_size(found.high)
        if found.size is None:
            sides = (
                f"{before} is faster up to {low} {self.series.varied} and {after} from {high} on"
            )
            return f"{sides}; in between it is not certain at every size."
        where = f"{round_size(found.size)} {self.series.varied} ({low} to {high})"
        return f"Below about {where} {before} is faster than {after}, above it slower."

    @cached_property
    def picture(self) -> Picture:
        """The time of one fit over size, and the floor."""
        curves, floors, said = [], dict[int, float](), []
        frameworks = [next(iter(c.values())).entry.framework for c in self.series.rows.values()]
        looks = zip(self.series.rows.items(), frameworks, turns(frameworks), strict=True)
        for (key, curve), framework, turn in looks:
            times = {size: row.time for size, row in curve.items() if row.time}
            floors |= {size: row.floor.seconds for size, row in curve.items() if row.floor}
            look = MARKERS[turn % len(MARKERS)], DASHES[turn % 3]
            colour = framework_colour(framework)
            curves.append(Curve(self.labels[key], colour, times, times.values(), *look))
            ends = f"{time_at(curve, min(curve))}, {time_at(curve, max(curve))}"
            said.append(f"{self.labels[key]}: {ends}")
        if floors:
            sizes = sorted(floors)
            curves.append(Curve("floor", INK, sizes, [floors[size] for size in sizes], width=0.9))
        alt = f"Time of one fit over {self.series.varied}. {'; '.join(said)}"
        x, y = f"{self.series.varied}, log scale", "time of one fit, log scale"
        scales = (x, "{:,.0f}".format), (y, text.tick)
        return log_log(f"scaling-{self.number}", alt, curves, scales)


def time_at(curve: Mapping[int, Row], size: int) -> str:
    """The time of one fit at a size: `1.40 ms at 1,000`."""
    return f"{text.seconds(curve[size].time)} at {size:,}"


def round_size(value: float, digits: int = 2) -> str:
    """A size to two digits: `38,000`."""
    return f"{float(f'{value:.{digits}g}'):,.0f}"
