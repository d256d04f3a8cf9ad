"""The figures of one workload's times: the ranking, and where the time goes."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import FixedLocator, FuncFormatter, MaxNLocator, NullLocator

from benchmarks.results import Row
from reports import text
from reports.drawing import (
    BLUE,
    INK,
    MARKERS,
    ORANGE,
    PAPER,
    PURPLE,
    SKY,
    Picture,
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
_WIDTH = 7.2


def _names(axes: Axes, rows: Sequence[Row], labels: Mapping[str, str]) -> None:
    """One row of the figure for each entry, the first at the top."""
    axes.set_yticks(range(len(rows)), [short(labels[row.entry]) for row in rows])
    axes.set_ylim(len(rows) - 0.5, -0.5)
    axes.grid(False, axis="y")


def _beside(axes: Axes, index: int, words: str) -> None:
    """Text to the right of the axes, level with one row."""
    axes.text(1.02, index, words, transform=axes.get_yaxis_transform(), va="center")


def ranking(name: str, rows: Sequence[Row], labels: Mapping[str, str]) -> Picture:
    """The time of one fit, median and interval, of timed rows that passed, on a log axis."""
    colours = framework_colours(rows)
    devices = list(dict.fromkeys(row.device for row in rows))
    markers = {device: MARKERS[i % len(MARKERS)] for i, device in enumerate(devices)}

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
        _names(axes, rows, labels)
        _time_axis(axes, rows)
        axes.set_xlabel(f"{short(text.line(rows[0].workload))}: time of one fit, log scale")
        keys = [
            Line2D([], [], color=colour, lw=3, label=text.line(framework))
            for framework, colour in colours.items()
        ]
        if len(devices) > 1:
            keys += [
                Line2D(
                    [], [], color=INK, ls="none", marker=markers[device], label=text.line(device)
                )
                for device in devices
            ]
        figure.legend(handles=keys, loc="outside upper left", ncols=min(len(keys), 6))

    alt = "Median time of one fit with its interval. " + "; ".join(
        f"{labels[row.entry]}: "
        + text.seconds(row.seconds_median, row.seconds_low, row.seconds_high)
        for row in rows
    )
    return picture(f"{name}-ranking", alt, (_WIDTH, 1.1 + 0.3 * len(rows)), draw)


def _time_axis(axes: Axes, rows: Sequence[Row]) -> None:
    """A log axis of at least a decade, so that small differences look small."""
    low = min(row.seconds_low or math.inf for row in rows) / 1.2
    high = max(row.seconds_high or 0.0 for row in rows) * 1.2
    margin = max(1.0, math.sqrt(10 * low / high))
    low, high = low / margin, high * margin
    decades = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    steps = (1, 2, 5) if high / low < 100 else (1,)
    ticks = [step * 10.0**decade for decade in decades for step in steps]
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    axes.xaxis.set_major_locator(FixedLocator([t for t in ticks if low <= t <= high]))
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
            _beside(axes, index, f"{text.seconds(row.once_seconds)}{then}")
        _names(axes, rows, labels)
        axes.xaxis.set_major_locator(MaxNLocator(5))
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: text.tick(value)))
        axes.set_xlabel(f"{short(text.line(rows[0].workload))}: time to the first answer")
        figure.legend(loc="outside upper left", ncols=len(PHASES))

    alt = "Time to the first answer and its phases. " + "; ".join(
        f"{labels[row.entry]}: {text.seconds(row.once_seconds)}" for row in rows
    )
    return picture(f"{name}-phases", alt, (_WIDTH, 1.1 + 0.3 * len(rows)), draw)
