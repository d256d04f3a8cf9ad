"""Fits that several workers share: what it costs, from which size it pays, what more would give."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

from reports import text
from reports.analysis.scaling import Series
from reports.analysis.sharing import Sharing, payoffs
from reports.figures.axes import Curve, log_log, turns
from reports.figures.drawing import DASHES, MARKERS, Picture, framework_colour
from reports.sections.break_even import when

#: Workers that a projection is given for, in words and in the table.
PROJECTED = (8, 64, 1000)


@dataclass(frozen=True)
class SharingSection:
    """All of a run."""

    sharings: Sequence[Sharing]
    series: Sequence[Series]

    @cached_property
    def sentences(self) -> list[str]:
        """From which size several workers pay, where there are sizes."""
        return [
            f"Against one {'machine' if one.is_apart else 'process with as many threads'}, "
            f"{one.workers} workers of {one.backend} pay "
            f"{when(one, series.varied).rstrip(',')}, at {series.fixed:,} {series.kept}, "
            f"{series.dtype}."
            for series in self.series
            for one in payoffs(series, self.sharings)
        ]

    @property
    def off(self) -> str:
        """How far the projection is off where it was measured: `at most 12 %`."""
        errors = [abs(one.error) for one in self.sharings if one.error is not None]
        return f"{max(errors):.0%}" if errors else ""

    @property
    def drawn(self) -> list[Sharing]:
        """The largest workload of each backend, and its most workers: what more would give."""
        found: dict[str, Sharing] = {}
        for one in self.sharings:
            name = one.several.entry.backend
            if one.exchange and (name not in found or _size(one) > _size(found[name])):
                found[name] = one
        return list(found.values())

    @cached_property
    def picture(self) -> Picture:
        """The projection as a curve, and what was measured as points."""
        curves, said = [], []
        shown = self.drawn
        frameworks = [one.several.entry.framework for one in shown]
        for one, framework, turn in zip(shown, frameworks, turns(frameworks), strict=True):
            name, colour = one.several.entry.backend, framework_colour(framework)
            marker, dashes = MARKERS[turn % len(MARKERS)], DASHES[1 + turn % 3]
            workers = [2**n for n in range(math.ceil(math.log2(PROJECTED[-1])) + 1)]
            times = [one.projected(number) or math.nan for number in workers]
            curves.append(Curve(f"{name}, projected", colour, workers, times, dashes=dashes))
            measured = [time for time in (one.several.time,) if time]
            points = [one.workers] * len(measured)
            curves.append(Curve(f"{name}, measured", colour, points, measured, marker))
            values = ", ".join(f"{text.seconds(one.projected(n))} by {n:,}" for n in PROJECTED)
            said.append(f"{name}, {one.workload.name}: {values}")
        alt = f"Time of one fit over workers, projected. {'; '.join(said)}"
        scales = ("workers, log scale", "{:,.0f}".format), ("time of one fit, log scale", text.tick)
        return log_log("workers", alt, curves, scales)


def _size(one: Sharing) -> tuple[int, int]:
    return one.workload.n_samples * one.workload.n_features, one.workers


def speed_up(one: Sharing) -> tuple[str, str]:
    """The speed-up in words, and its interval."""
    return text.factor(one.speed_up) if one.speed_up else (text.MISSING, "")


def cost(one: Sharing) -> str:
    """What distribution costs, or saves, of each fit: `1.20 ms`, `−300 µs`."""
    if one.cost is None:
        return text.MISSING
    return ("−" if one.cost < 0 else "") + text.seconds(abs(one.cost))
