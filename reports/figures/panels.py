"""The figure of several runs: a panel for each, so that no interval seems to reach across."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.figure import Figure

from reports import text
from reports.analysis.rows import Row
from reports.figures.drawing import Picture, device_markers, picture
from reports.figures.times import intervals, row_names, time_axis

#: Inches; of more runs than fit side by side the next stand below.
_WIDTH, _MOST_BESIDE = 7.2, 4


def panels(
    name: str, letters: Sequence[str], lines: Sequence[tuple[str, Sequence[Row | None]]]
) -> Picture | None:
    """Each run's times of one fit on its own panel, all on the same log axis.

    Args:
        name: of the workload's files.
        letters: of the runs.
        lines: a name, and its row in each run.

    Returns None where fewer than two runs have times.
    """
    timed = [line for line in lines if any(row and row.seconds_median for row in line[1])]
    drawn = [row for _, rows in timed for row in rows if row and row.seconds_median]
    runs = [i for i in range(len(letters)) if any(rows[i] in drawn for _, rows in timed)]
    if len(runs) < 2:
        return None
    markers = device_markers(drawn)
    n_rows = math.ceil(len(runs) / _MOST_BESIDE)
    n_columns = math.ceil(len(runs) / n_rows)

    def draw(figure: Figure) -> None:
        grid = figure.subplots(n_rows, n_columns, squeeze=False)
        for axes in grid.ravel()[len(runs) :]:
            axes.set_axis_off()
        for number, (axes, run) in enumerate(zip(grid.ravel(), runs, strict=False)):
            intervals(axes, [rows[run] for _, rows in timed], markers)
            axes.set_title(letters[run], fontsize="medium", loc="left")
            first = number % n_columns == 0
            row_names(axes, [label if first else "" for label, _ in timed])
            time_axis(axes, drawn, most=4)

    times = [
        f"{label}, {letter}: {text.seconds(row.seconds_median)}"
        for label, rows in timed
        for letter, row in zip(letters, rows, strict=True)
        if row
    ]
    alt = f"The time of one fit in each run. {'; '.join(times)}"
    return picture(f"{name}-runs", alt, (_WIDTH, n_rows * (0.9 + 0.26 * len(timed))), draw)
