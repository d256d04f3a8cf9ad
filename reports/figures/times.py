"""The figures of one workload's times: the ranking, and where the time goes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from benchmarks.analysis.results import Row
from reports import text
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


def _is_narrow(axes: Axes) -> bool:
    figure = axes.get_figure(root=True)
    return figure is not None and figure.get_figwidth() <= _NARROW


def _names(axes: Axes, names: Sequence[str]) -> None:
    """One row of the figure for each entry, the first at the top."""
    most = 20 if _is_narrow(axes) else 36
    axes.set_yticks(range(len(names)), [short(name, most) for name in names])
    axes.set_ylim(len(names) - 0.5, -0.5)
    axes.grid(False, axis="y")


def _label(axes: Axes, rows: Sequence[Row], what: str) -> None:
    workload = short(text.line(rows[0].workload), 18 if _is_narrow(axes) else 36)
    axes.set_xlabel(f"{workload}: {what}")


def _sizes(n_rows: int) -> dict[str, tuple[float, float]]:
    """The two sizes of a figure with a row for each entry, as `picture` takes them."""
    height = 1.1 + 0.3 * n_rows
    return {"size": (_WIDTH, height), "narrow": (_NARROW, height + 0.2)}


def _beside(axes: Axes, index: int, words: str) -> None:
    """Text to the right of the axes, level with one row."""
    axes.text(1.02, index, words, transform=axes.get_yaxis_transform(), va="center")


def ranking(name: str, rows: Sequence[Row], labels: Mapping[str, str]) -> Picture:
    """The time of one fit, median and interval, of timed rows that passed, on a log axis."""
    colours, markers = framework_colours(rows), device_markers(rows)

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for index, row in enumerate(rows):
            colour = colours[row.framework]
            limits = np.array([row.seconds_low, row.seconds_high], dtype=float)
            axes.plot(limits, [index, index], color=colour, lw=2.4, solid_capstyle="butt")
            middle = np.array([row.seconds_median], dtype=float)
            (dot,) = axes.plot(middle, [index], ls="none", marker=markers[row.device], ms=6.5)
            dot.set(mfc=colour, mec=PAPER, mew=1.0)
            _beside(axes, index, text.seconds(row.seconds_median))
        _names(axes, [labels[row.entry] for row in rows])
        time_axis(axes, rows)
        _label(axes, rows, "time of one fit, log scale")
        keys = [_key(lw=3, color=colour, label=name) for name, colour in colours.items()]
        if len(markers) > 1:
            keys += _device_keys(markers)
        _legend(figure, keys)

    alt = "Median time of one fit with its interval. " + "; ".join(
        f"{labels[row.entry]}: "
        + text.seconds(row.seconds_median, row.seconds_low, row.seconds_high)
        for row in rows
    )
    return picture(f"{name}-ranking", alt, draw=draw, **_sizes(len(rows)))


def _key(label: str, **look: Any) -> Line2D:
    return Line2D([], [], label=short(text.line(label), 16), **look)


def _device_keys(markers: Mapping[str, str]) -> list[Line2D]:
    return [_key(device, color=INK, ls="none", marker=m) for device, m in markers.items()]


def _legend(figure: Figure, keys: Sequence[Line2D]) -> None:
    columns = 3 if figure.get_figwidth() <= _NARROW else 6
    figure.legend(handles=keys, loc="outside upper left", ncols=min(len(keys), columns))


def time_axis(axes: Axes, rows: Sequence[Row], most: int | None = None) -> None:
    """A log axis of at least a decade, so that small differences look small; `most` ticks."""
    low = min(row.seconds_low or math.inf for row in rows) / 1.2
    high = max(row.seconds_high or 0.0 for row in rows) * 1.2
    margin = max(1.0, math.sqrt(10 * low / high))
    low, high = low / margin, high * margin
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if high / low < (25 if _is_narrow(axes) else 100) else (1,)
    ticks = [step * 10.0**decade for decade in decades for step in steps]
    ticks = [tick for tick in ticks if low <= tick <= high]
    most = most or (4 if _is_narrow(axes) else 9)
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator(ticks[:: math.ceil(len(ticks) / most)]))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: text.tick(value)))


def phases(name: str, rows: Sequence[Row], labels: Mapping[str, str]) -> Picture:
    """What a user who fits once waits for, stacked, on a linear axis."""

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        left = np.zeros(len(rows))
        for field, (label, colour) in PHASES.items():
            widths = np.array([getattr(row, field) for row in rows], dtype=float)
            axes.barh(range(len(rows)), widths, 0.62, left=left, color=colour, label=label)
            left += widths
        for index, row in enumerate(rows):
            then = f", then {text.seconds(row.seconds_median)}" if row.seconds_median else ""
            then = "" if _is_narrow(axes) else then
            _beside(axes, index, f"{text.seconds(row.once_seconds)}{then}")
        _names(axes, [labels[row.entry] for row in rows])
        axes.xaxis.set_major_locator(MaxNLocator(3 if _is_narrow(axes) else 5))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: text.tick(value)))
        _label(axes, rows, "time to the first answer")
        columns = 2 if _is_narrow(axes) else len(PHASES)
        figure.legend(loc="outside upper left", ncols=columns)

    alt = "Time to the first answer and its phases. " + "; ".join(
        f"{labels[row.entry]}: {text.seconds(row.once_seconds)}" for row in rows
    )
    return picture(f"{name}-phases", alt, draw=draw, **_sizes(len(rows)))


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
        _names(axes, [text.line(backend) for backend in pairs])
        time_axis(axes, drawn)
        _label(axes, rows, "time of one fit, log scale")
        _legend(figure, _device_keys(markers))

    alt = "The time of one fit on each device. " + "; ".join(
        f"{text.line(row.backend)} on {text.line(row.device)}: {text.seconds(row.seconds_median)}"
        for row in drawn
    )
    return picture(f"{name}-devices", alt, draw=draw, **_sizes(len(pairs)))
