"""The figure of several runs: a panel for each, so that no interval seems to reach across."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from matplotlib.figure import Figure

from benchmarks.analysis.results import Row
from reports import text
from reports.figures.drawing import (
    PAPER,
    Picture,
    device_markers,
    framework_colours,
    picture,
    short,
)
from reports.figures.times import time_axis

#: Inches; of more runs the table alone must do.
_WIDTH, _NARROW, _MOST_RUNS = 7.2, 4.0, 4


def panels(
    name: str, letters: Sequence[str], lines: Sequence[tuple[str, Sequence[Row | None]]]
) -> Picture | None:
    """Each run's times of one fit on its own panel, all on the same log axis.

    Args:
        name: of the workload's files.
        letters: of the runs.
        lines: a name, and its row in each run.

    Returns None where fewer than two runs have times, or there are too many for the width.
    """
    timed = [line for line in lines if any(row and row.seconds_median for row in line[1])]
    drawn = [row for _, rows in timed for row in rows if row and row.seconds_median]
    runs = [i for i in range(len(letters)) if any(rows[i] in drawn for _, rows in timed)]
    if not 2 <= len(runs) <= _MOST_RUNS:
        return None
    colours, markers = framework_colours(drawn), device_markers(drawn)

    def draw(figure: Figure) -> None:
        narrow = figure.get_figwidth() <= _NARROW
        for axes, run in zip(
            np.ravel(figure.subplots(1, len(runs), sharey=True)), runs, strict=True
        ):
            for index, (_, rows) in enumerate(timed):
                row = rows[run]
                if row is None or row.seconds_median is None:
                    continue
                limits = [row.seconds_low or np.nan, row.seconds_high or np.nan]
                colour = colours[row.framework]
                axes.plot(limits, [index, index], color=colour, lw=2.4, solid_capstyle="butt")
                marker = markers[row.device]
                axes.plot([row.seconds_median], [index], marker, ms=6, mfc=colour, mec=PAPER)
            axes.set_title(letters[run], fontsize="medium", loc="left")
            axes.grid(False, axis="y")
            time_axis(axes, drawn, most=2 if narrow else 4)
        names = [short(label, 16 if narrow else 36) for label, _ in timed]
        axes.set_yticks(range(len(timed)), names)
        axes.set_ylim(len(timed) - 0.5, -0.5)

    times = [
        f"{label}, {letter}: {text.seconds(row.seconds_median)}"
        for label, rows in timed
        for letter, row in zip(letters, rows, strict=True)
        if row
    ]
    alt = f"The time of one fit in each run. {'; '.join(times)}"
    height = 0.9 + 0.26 * len(timed)
    sizes = {"size": (_WIDTH, height), "narrow": (_NARROW, height)}
    return picture(f"{name}-runs", alt, draw=draw, **sizes)
