"""The figures of a gradient descent: the tutorial's two pictures and the loss curves."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from benchmarks.runfile import Record
from reports import text
from reports.analysis.rows import Row
from reports.figures.drawing import (
    BLUE,
    GREEN,
    MARKERS,
    VERMILION,
    Picture,
    framework_colours,
    picture,
    short,
)

_DASHES = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (7, 2, 1, 2)), (0, (3, 3)), (0, (1, 3)))
_WIDTH, _HEIGHT = 4.4, 3.1
#: Of more points than this, evenly chosen ones are drawn: a page is to be sent by mail.
_MOST_POINTS, _MOST_PREDICTIONS = 150, 25


def data(name: str, points: Record) -> Picture:
    """The tutorial's first picture: training points blue, test points green."""

    def draw(figure: Figure) -> None:
        _scatter(figure.add_subplot(), points)
        figure.legend(loc="outside lower center", ncols=2, markerscale=2)

    alt = "Training points in blue and test points in green"
    return picture(f"{name}-data", alt, (_WIDTH, _HEIGHT), draw)


def predictions(name: str, points: Record, rows: Sequence[Row]) -> tuple[Picture, float]:
    """The tutorial's second picture, and how far two backends' predictions are apart at most."""
    x = _flat(points["X_test"])
    fits = [row.fit for row in rows if row.fit]
    predicted = np.array([x * _flat(fit["weight"])[0] + float(fit["bias"]) for fit in fits])
    spread = float(np.ptp(predicted, axis=0).max())
    x = _thinned(x, _MOST_PREDICTIONS)

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        _scatter(axes, points)
        for index, y in enumerate(predicted):
            # Smaller and smaller, so that those beneath can still be seen.
            size = 3.6 - 2.4 * index / len(predicted)
            marker = MARKERS[index % len(MARKERS)]
            label = "predictions" if index == 0 else None
            y = _thinned(y, _MOST_PREDICTIONS)
            (dots,) = axes.plot(x, y, ls="none", marker=marker, ms=size, label=label)
            dots.set(mfc="none", mec=VERMILION, mew=0.6)
        figure.legend(loc="outside lower center", ncols=3, markerscale=2)

    alt = f"The predictions of {text.count(len(fits), 'backend')} in red over the test points"
    return picture(f"{name}-predictions", alt, (_WIDTH, _HEIGHT), draw), spread


def losses(name: str, which: str, rows: Sequence[Row], labels: Mapping[str, str]) -> Picture | None:
    """The "train" or "test" losses of every backend over each other, on a log axis.

    Returns None where nothing can be drawn.
    """
    colours = framework_colours(rows)
    found = [(row, _positive(row.fit.get(f"{which}_losses"))) for row in rows if row.fit]
    curves = [(row, values) for row, values in found if np.isfinite(values).any()]
    if not curves:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for index, (row, values) in enumerate(curves):
            # The widest lies beneath, so that curves that agree show as nested bands.
            look: dict[str, Any] = {
                "lw": 3.2 - 2.5 * index / len(curves),
                "color": colours[row.framework],
            }
            dashes, label = _DASHES[index % len(_DASHES)], short(labels[row.entry])
            restless = _restless(values)
            epochs = np.arange(len(values))
            axes.plot(epochs, np.where(restless, np.nan, values), ls=dashes, label=label, **look)
            # A line up and down at every epoch would be a solid block: a short dash for each.
            ends = np.add.outer(epochs[restless], [-0.5, 0.5, np.nan])
            axes.plot(ends.ravel(), np.repeat(values[restless], 3), **look)
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        if high < 30 * low:  # little more than a decade, which would have a single tick
            axes.yaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
        axes.set(xlabel="epoch", ylabel=f"{which} loss")
        longest = max(len(short(labels[row.entry])) for row, _ in curves)
        figure.legend(loc="outside lower center", ncols=2 if longest <= 22 else 1)

    alt = f"The {which} loss per epoch of {text.both([labels[row.entry] for row, _ in curves])}"
    return picture(f"{name}-{which}-loss", alt, (_WIDTH, _HEIGHT + 0.12 * len(curves)), draw)


def _scatter(axes: Axes, points: Record) -> None:
    for suffix, colour, label in (("", BLUE, "training points"), ("_test", GREEN, "test points")):
        x, y = (_thinned(_flat(points[f"{of}{suffix}"]), _MOST_POINTS) for of in "Xy")
        size = 3.2 if len(x) < 200 else 2.0
        axes.plot(x, y, ls="none", marker="o", ms=size, mfc=colour, mec="none", label=label)
    axes.set(xlabel="x", ylabel="y")


def _thinned(values: np.ndarray, most: int) -> np.ndarray:
    """Every n-th value, so that at most `most` are left."""
    return values[:: max(1, -(-len(values) // most))]


def _flat(values: Any) -> np.ndarray:
    return np.asarray([] if values is None else values, dtype=float).reshape(-1)


def _restless(values: np.ndarray) -> np.ndarray:
    """Where losses jump up and down: next to a turn, within two epochs, of 5 % or more."""
    with np.errstate(invalid="ignore"):
        steps = np.diff(np.log(values))
    large = np.abs(steps) > 0.05
    turns = np.zeros(len(values))
    turns[1:-1] = (steps[1:] * steps[:-1] < 0) & large[1:] & large[:-1]
    return np.convolve(turns, np.ones(5), "same")[: len(values)] > 1


def _positive(values: Any) -> np.ndarray:
    """Losses as a log axis can take them: what is 0, infinite or no number is left out."""
    flat = _flat(values)
    return np.where(np.isfinite(flat) & (flat > 0), flat, np.nan)
