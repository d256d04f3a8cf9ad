"""What several figures have in common: rows of names, log axes of times, and log-log curves."""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, Locator, LogLocator, NullLocator

from benchmarks.estimates import Estimate
from reports import text
from reports.analysis.rows import Row
from reports.figures import drawing
from reports.figures.drawing import INK, NARROW, PAPER, WIDTH, Picture, framework_colour, short


def height(n_rows: int) -> float:
    """Inches of a figure with a row for each entry."""
    return 1.1 + 0.28 * n_rows


def is_narrow(axes: Axes) -> bool:
    """Whether the figure is the one for a phone."""
    figure = axes.get_figure(root=True)
    return figure is not None and figure.get_figwidth() <= NARROW


def name_rows(axes: Axes, names: Sequence[str], words: Sequence[str] = ()) -> None:
    """One row of the figure for each entry, the first at the top, with words on its right.

    They are texts, since ticks would take several times as long to draw.
    """
    most = 20 if is_narrow(axes) else 36
    sides = ((-0.015, "right", [short(name, most) for name in names]), (1.015, "left", words))
    for place, side, texts in sides:
        for index, said in enumerate(texts):
            if said:
                transform = axes.get_yaxis_transform()
                axes.text(place, index, said, transform=transform, ha=side, va="center_baseline")
    axes.set_yticks([])
    axes.set_ylim(len(names) - 0.5, -0.5)


def label_times(axes: Axes, workload: str, what: str) -> None:
    """Below the axis: the workload, and what the times are."""
    axes.set_xlabel(f"{short(workload, 18 if is_narrow(axes) else 36)}: {what}")


def intervals(axes: Axes, rows: Sequence[Row | None], markers: Mapping[str, str]) -> None:
    """The time of one fit with its interval, the row's number upwards; None leaves a row empty.

    Rows of the same look are one drawing: that is faster, and smaller as SVG.
    """
    looks: dict[tuple[str, str], list[tuple[int, Estimate]]] = {}
    for index, row in enumerate(rows):
        if row is not None and row.time:
            look = row.entry.framework, row.entry.device
            looks.setdefault(look, []).append((index, row.time))
    for (framework, device), same in looks.items():
        places = [index for index, _ in same]
        low, middle, high = np.array([(t.low, t.value, t.high) for _, t in same]).T
        axes.hlines(places, low, high, color=framework_colour(framework), lw=2.2)
        (dots,) = axes.plot(middle, places, ls="none", marker=markers[device], ms=6.5)
        dots.set(mfc=framework_colour(framework), mec=PAPER, mew=1.0)


def device_keys(figure: Figure, markers: Mapping[str, str]) -> None:
    """A legend of markers. Colours need none: the names of the rows say the framework."""
    keys = [marker_key(short(name, 16), marker=marker) for name, marker in markers.items()]
    columns = 3 if figure.get_figwidth() <= NARROW else 6
    figure.legend(handles=keys, loc="outside upper left", ncols=min(len(keys), columns))


def marker_key(label: str, **look: Any) -> Line2D:
    """A marker in a legend."""
    return Line2D([], [], color=INK, ls="none", label=label, **look)


def log_limits(
    times: Sequence[Estimate], most: int, fine: float
) -> tuple[float, float, list[float]]:
    """A log axis of at least a decade, so that small differences look small: its ends, its ticks.

    At most `most` ticks; within decades, too, where the ends are less than `fine` times apart.
    """
    low, high = min(t.low for t in times) / 1.2, max(t.high for t in times) * 1.2
    margin = max(1.0, math.sqrt(10 * low / high))
    low, high = low / margin, high * margin
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if high / low < fine else (1,)
    ticks = [step * 10.0**decade for decade in decades for step in steps]
    ticks = [tick for tick in ticks if low <= tick <= high]
    return low, high, ticks[:: math.ceil(len(ticks) / most)]


def set_ticks(axis: Axis, locator: Locator, words: Callable[[float], str]) -> None:
    """Ticks where `locator` has them, labelled in words; none between them."""
    axis.set_major_locator(locator)
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(FuncFormatter(lambda value, _: words(value)))


def time_axis(axes: Axes, rows: Sequence[Row], most: int = 9) -> None:
    """A log axis of the times of rows, as `log_limits` has it."""
    most, fine = (min(most, 4), 25.0) if is_narrow(axes) else (most, 100.0)
    low, high, ticks = log_limits([row.time for row in rows if row.time], most, fine)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    set_ticks(axes.xaxis, FixedLocator(ticks), text.tick)


@dataclass(frozen=True)
class Curve:
    """Points with intervals, joined by a line."""

    label: str
    colour: str
    x: Iterable[float | Estimate]
    y: Iterable[float | Estimate]
    marker: str = ""  # of each point
    dashes: Any = "-"
    width: float = 1.4

    def draw(self, axes: Axes) -> None:
        """Add it to a figure."""
        (x, *x_ends), (y, *y_ends) = _with_ends(self.x), _with_ends(self.y)
        axes.errorbar(
            x,
            y,
            xerr=x_ends if np.any(x_ends) else None,
            yerr=y_ends if np.any(y_ends) else None,
            color=self.colour,
            marker=self.marker,
            ls=self.dashes,
            ms=4 if len(x) > 1 else 5.5,
            lw=self.width,
            elinewidth=1.4,
            label=short(self.label),
        )


def _with_ends(values: Iterable[float | Estimate]) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Values, and how far the ends of their intervals are below and above."""
    known = [v if isinstance(v, Estimate) else Estimate(v, v, v) for v in values]
    low, middle, high = np.array([(e.low, e.value, e.high) for e in known]).T
    return middle, middle - low, high - middle


#: Of an axis: its label, and the words for a tick.
Scale = tuple[str, Callable[[float], str]]


def log_log(
    name: str,
    alt: str,
    curves: Sequence[Curve],
    scales: tuple[Scale, Scale],
    further: Callable[[Axes], None] = lambda axes: None,
) -> Picture:
    """Curves on two log axes with a legend below; `further` draws what is not a curve."""

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        axes.set(xscale="log", yscale="log")
        for curve in curves:
            curve.draw(axes)
        further(axes)
        for axis, (label, words) in zip((axes.xaxis, axes.yaxis), scales, strict=True):
            few = axis is axes.xaxis and is_narrow(axes)
            axis.set_label_text(label)
            set_ticks(axis, LogLocator(numticks=4 if few else 9), words)
        legend(figure)

    # The legend has four columns, or two.
    wide, narrow = (WIDTH, 3.4 + 0.05 * len(curves)), (NARROW, 3.4 + 0.1 * len(curves))
    return drawing.picture(name, alt, wide, draw, narrow)


def legend(figure: Figure) -> None:
    """Below the figure, in as many columns as there is room for."""
    handles, labels = figure.axes[0].get_legend_handles_labels()
    longest = max(map(len, labels), default=0)
    columns = min(4, max(1, int(72 * figure.get_figwidth() / (30 + 4.4 * longest))))
    figure.legend(handles, labels, loc="outside lower center", ncols=columns)
