"""The figures of one workload's times: the ranking, and where the time goes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.patches import Patch
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from reports import text
from reports.analysis.rows import Row
from reports.figures.drawing import (
    BLUE,
    GRID,
    INK,
    ORANGE,
    PAPER,
    PURPLE,
    SKY,
    Picture,
    device_markers,
    framework_colour,
    framework_colours,
    picture,
    short,
)

PHASES = {
    "import_seconds": ("import", SKY),
    "start_seconds": ("device start", BLUE),
    "transfer_seconds": ("transfer", PURPLE),
    "compile_seconds": ("first fit", ORANGE),
}
#: Inches, on a page and on a phone.
_WIDTH, _NARROW = 7.2, 4.0
#: Points: thick lines are quicker drawn than bars.
_BAR = 12


def _is_narrow(axes: Axes) -> bool:
    figure = axes.get_figure(root=True)
    return figure is not None and figure.get_figwidth() <= _NARROW


def row_names(axes: Axes, names: Sequence[str]) -> None:
    """One row of the figure for each entry, the first at the top."""
    most = 20 if _is_narrow(axes) else 36
    for index, name in enumerate(names):  # texts: ticks would take several times as long
        if name:
            _beside(axes, index, short(name, most), left=True)
    axes.set_yticks([])
    axes.set_ylim(len(names) - 0.5, -0.5)


def _label(axes: Axes, rows: Sequence[Row], what: str) -> None:
    workload = short(text.line(rows[0].workload), 18 if _is_narrow(axes) else 36)
    axes.set_xlabel(f"{workload}: {what}")


def _height(n_rows: int) -> float:
    """Inches of a figure with a row for each entry."""
    return 1.1 + 0.28 * n_rows


def _beside(axes: Axes, index: int, words: str, left: bool = False) -> None:
    """Text beside the axes, level with one row."""
    place, side = (-0.015, "right") if left else (1.015, "left")
    transform = axes.get_yaxis_transform()
    axes.text(place, index, words, transform=transform, ha=side, va="center_baseline")


def intervals(axes: Axes, rows: Sequence[Row | None], markers: Mapping[str, str]) -> None:
    """The time of one fit with its interval, the row's number upwards; None leaves one empty.

    Rows of the same look are one drawing: that is quicker, and lighter as SVG.
    """
    looks: dict[tuple[str, str], list[tuple[int, Row]]] = {}
    for index, row in enumerate(rows):
        if row is not None and row.seconds_median is not None:
            looks.setdefault((row.framework, row.device), []).append((index, row))
    for (framework, device), same in looks.items():
        places = [index for index, _ in same]
        low, middle, high = (
            np.array([getattr(row, f"seconds_{which}") for _, row in same], dtype=float)
            for which in ("low", "median", "high")
        )
        colour = framework_colour(framework)
        axes.hlines(places, low, high, color=colour, lw=2.2)
        (dots,) = axes.plot(middle, places, ls="none", marker=markers[device], ms=6.5)
        dots.set(mfc=colour, mec=PAPER, mew=1.0)


def ranking(name: str, rows: Sequence[Row], labels: Mapping[str, str]) -> Picture:
    """The time of one fit, median and interval, of timed rows that passed, on a log axis."""
    markers = device_markers(rows)

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        intervals(axes, rows, markers)
        for index, row in enumerate(rows):
            _beside(axes, index, text.seconds(row.seconds_median))
        row_names(axes, [labels[row.entry] for row in rows])
        time_axis(axes, rows)
        _label(axes, rows, "time of one fit, log scale")
        if len(markers) > 1:
            _device_keys(figure, markers)

    alt = "Median time of one fit with its interval. " + "; ".join(
        f"{labels[row.entry]}: "
        + text.seconds(row.seconds_median, row.seconds_low, row.seconds_high)
        for row in rows
    )
    return picture(f"{name}-ranking", alt, (_WIDTH, _height(len(rows))), draw)


def _device_keys(figure: Figure, markers: Mapping[str, str]) -> None:
    """Colours need none: the names beside the marks say the framework."""
    keys = [
        Line2D([], [], color=INK, ls="none", marker=marker, label=short(text.line(device), 16))
        for device, marker in markers.items()
    ]
    columns = 3 if figure.get_figwidth() <= _NARROW else 6
    figure.legend(handles=keys, loc="outside upper left", ncols=min(len(keys), columns))


def log_limits(rows: Sequence[Row], most: int, fine: float) -> tuple[float, float, list[float]]:
    """A log axis of at least a decade, so that small differences look small: its ends, its ticks.

    Args:
        rows: what is to find room on it.
        most: ticks.
        fine: over fewer times than this from end to end, there are ticks within the decades, too.
    """
    low = min(row.seconds_low or math.inf for row in rows) / 1.2
    high = max(row.seconds_high or 0.0 for row in rows) * 1.2
    margin = max(1.0, math.sqrt(10 * low / high))
    low, high = low / margin, high * margin
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if high / low < fine else (1,)
    ticks = [step * 10.0**decade for decade in decades for step in steps]
    ticks = [tick for tick in ticks if low <= tick <= high]
    return low, high, ticks[:: math.ceil(len(ticks) / most)]


def time_axis(axes: Axes, rows: Sequence[Row], most: int = 9, fine: float = 100) -> None:
    """A log axis of times, as `log_limits` has it."""
    if _is_narrow(axes):
        most, fine = min(most, 4), 25
    low, high, ticks = log_limits(rows, most, fine)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator(ticks))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: text.tick(value)))


def phases(name: str, rows: Sequence[Row], labels: Mapping[str, str]) -> Picture:
    """What a user who fits once waits for, stacked on a linear axis; and each further fit."""
    timed = [row for row in rows if row.seconds_median is not None]

    def draw(figure: Figure) -> None:
        ratios = (3, 2) if timed else (1,)
        first, *further = figure.subplots(1, len(ratios), squeeze=False, width_ratios=ratios)[0]
        left = np.zeros(len(rows))
        for field, (_, colour) in PHASES.items():
            ends = left + np.array([getattr(row, field) for row in rows], dtype=float)
            first.hlines(range(len(rows)), left, ends, color=colour, lw=_BAR)
            left = ends
        for index, row in enumerate(rows):
            _beside(first, index, text.seconds(row.once_seconds))
        row_names(first, [labels[row.entry] for row in rows])
        first.xaxis.set_major_locator(MaxNLocator(4))
        first.xaxis.set_major_formatter(FuncFormatter(lambda value, _: text.tick(value)))
        _label(first, rows, "time to the first answer")
        first.set_xlim(0, 1.05 * max(left) or 1.0)
        keys = [Patch(color=colour, label=label) for label, colour in PHASES.values()]
        figure.legend(handles=keys, loc="outside upper left", ncols=len(keys))
        for axes in further:
            intervals(axes, rows, device_markers(rows))
            for index, row in enumerate(rows):
                _beside(axes, index, text.seconds(row.seconds_median))
            row_names(axes, [""] * len(rows))
            time_axis(axes, timed, most=4)
            axes.set_xlabel("each further fit, log scale")

    alt = "Time to the first answer and its phases, and time of each further fit. " + "; ".join(
        f"{labels[row.entry]}: {text.seconds(row.once_seconds)}, {text.seconds(row.seconds_median)}"
        for row in rows
    )
    return picture(f"{name}-phases", alt, (_WIDTH, _height(len(rows))), draw)


def devices(name: str, rows: Sequence[Row]) -> Picture | None:
    """The same backend on several devices, the CPU against CUDA, on a log axis.

    Of several numbers of threads the fastest is drawn. Returns None where no backend was timed on
    more than one device.
    """
    fastest: dict[str, dict[str, Row]] = {}
    for row in rows:  # the fastest come first
        fastest.setdefault(row.backend, {}).setdefault(row.device, row)
    pairs = {backend: found for backend, found in fastest.items() if len(found) > 1}
    if not pairs:
        return None
    drawn = [row for found in pairs.values() for row in found.values()]
    colours, markers = framework_colours(drawn), device_markers(drawn)

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for index, found in enumerate(pairs.values()):
            times = [row.seconds_median or math.nan for row in found.values()]
            axes.plot(times, [index] * len(times), color=GRID, lw=1.4, zorder=1)
            for row, seconds in zip(found.values(), times, strict=True):
                colour = colours[row.framework]
                axes.plot([seconds], [index], markers[row.device], ms=6.5, mfc=colour, mec=PAPER)
            _beside(axes, index, " / ".join(map(text.seconds, sorted(times))))
        row_names(axes, [text.line(backend) for backend in pairs])
        time_axis(axes, drawn)
        _label(axes, rows, "time of one fit, log scale")
        _device_keys(figure, markers)

    alt = "The time of one fit on each device. " + "; ".join(
        f"{text.line(row.backend)} on {text.line(row.device)}: {text.seconds(row.seconds_median)}"
        for row in drawn
    )
    height = _height(len(pairs))
    return picture(f"{name}-devices", alt, (_WIDTH, height), draw, (_NARROW, height + 0.2))
