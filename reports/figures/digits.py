"""The figure of correct digits: a row for each backend, a mark for each certified data set."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

import numpy as np
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from reports import text
from reports.analysis.rows import Row
from reports.figures.drawing import INK, PAPER, Picture, framework_colour, picture
from reports.figures.times import row_names

_WIDTH, _NARROW = 7.2, 4.0


def digits(name: str, most: float, backends: Mapping[str, Sequence[Row]]) -> Picture:
    """Correct digits of every fit, 0 where there is none; a bar is the median of a backend.

    Args:
        name: of the picture.
        most: digits that can be counted, where the axis ends.
        backends: name -> its rows, one for each set that it was tried on.
    """
    found = {
        label: np.array([text.number((row.digits or {}).get("least")) or 0.0 for row in rows])
        for label, rows in backends.items()
    }

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for index, (label, rows) in enumerate(backends.items()):
            colour = framework_colour(rows[0].framework)
            failed = np.array([row.status == "failed" for row in rows])
            level = np.full(len(rows), float(index))
            axes.vlines(np.median(found[label]), index - 0.32, index + 0.32, color=colour, lw=2.2)
            axes.plot(found[label][failed], level[failed], "x", color=colour, ms=5, mew=1.2)
            right = axes.plot(found[label][~failed], level[~failed], "o", mfc=colour, ms=5.5)
            right[0].set(mec=PAPER, mew=0.8)
        row_names(axes, list(backends))
        axes.set_xlim(-0.02 * most, 1.02 * most)
        axes.set_xlabel("correct digits, at least, in each data set")
        keys = [
            Line2D([], [], color=INK, ls="none", marker="o", label="right"),
            Line2D([], [], color=INK, ls="none", marker="x", label="failed the gate"),
            Line2D([], [], color=INK, ls="none", marker="|", ms=9, mew=2.2, label="median"),
        ]
        figure.legend(handles=keys, loc="outside upper left", ncols=3)

    alt = "Correct digits on certified data. " + "; ".join(
        f"{label}: {np.median(values):.1f} in the median, {values.min():.1f} at worst"
        for label, values in found.items()
    )
    height = 1.1 + 0.28 * len(backends)
    return picture(name, alt, (_WIDTH, height), draw, (_NARROW, height))
