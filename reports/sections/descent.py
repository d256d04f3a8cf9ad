"""The figures of a gradient descent: the tutorial's two pictures and the loss curves."""

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from benchmarks.runfile.records import Points, WorkloadRecord
from reports import text
from reports.analysis.rows import Row
from reports.figures import drawing
from reports.figures.axes import legend, set_ticks
from reports.figures.drawing import DASHES, MARKERS, Picture, framework_colour

#: Inches.
_WIDTH, _HEIGHT = 4.4, 3.1
#: Of more points than this, evenly chosen ones are drawn: a page is to be sent by mail.
_MOST_POINTS, _MOST_PREDICTIONS = 150, 25


def pictures(
    slug: str, workload: WorkloadRecord, rows: Sequence[Row], labels: Mapping[str, str]
) -> list[tuple[Picture, str]]:
    """Data, predictions and losses of the rows' fits, as far as there are any, with captions."""
    result, points = [], workload.points
    fits = [row.coefficients for row in rows if row.coefficients is not None]
    if points:
        picture, _ = _points(f"{slug}-data", points, [])
        result.append((picture, "The data: train on blue, predict green."))
    if points and points.X_test and fits:
        picture, spread = _points(f"{slug}-predictions", points, fits)
        apart = f"no two differ by more than {spread:.1e}" if spread else "all the same"
        backends = text.count(len(fits), "backend")
        result.append((picture, f"Predictions of {backends} in red: {apart}."))
    for which, when in (("train", "before each step"), ("test", "after each step")):
        if loss := _losses(slug, which, rows, labels):
            caption = f"The {which} loss {when}: curves that agree lie on top of each other."
            result.append((loss, caption))
    return result


def _points(name: str, points: Points, fits: Sequence[np.ndarray]) -> tuple[Picture, float]:
    """The tutorial's pictures: training points blue, test points green, predictions red.

    Returns the picture, and how far two predictions are apart at most. A fit is (weight, bias).
    """
    x = np.asarray(points.X_test, float)
    predicted = np.array([weight * x + bias for weight, bias in fits])
    sets = (
        (points.X, points.y, drawing.BLUE, "training points"),
        (points.X_test, points.y_test, drawing.GREEN, "test points"),
    )

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for *ends, colour, label in sets:
            at = [_thinned(np.asarray(values, float), _MOST_POINTS) for values in ends]
            axes.plot(*at, "o", ms=3.2, mfc=colour, mec="none", label=label)
        for index, y in enumerate(predicted):
            # Smaller and smaller, so that those beneath can still be seen.
            size = 3.6 - 2.4 * index / len(predicted)
            at = [_thinned(values, _MOST_PREDICTIONS) for values in (x, y)]
            (dots,) = axes.plot(*at, MARKERS[index % len(MARKERS)], ms=size)
            dots.set(mfc="none", mec=drawing.VERMILION, mew=0.6)
            dots.set_label("_" if index else "predictions")
        axes.set(xlabel="x", ylabel="y")
        figure.legend(loc="outside lower center", ncols=3, markerscale=2)

    alt = "Training points in blue and test points in green"
    if fits:
        alt = f"The predictions of {text.count(len(fits), 'backend')} in red over the test points"
    spread = float(np.ptp(predicted, axis=0).max()) if fits else 0.0
    return drawing.picture(name, alt, (_WIDTH, _HEIGHT), draw), spread


def _losses(
    slug: str, which: str, rows: Sequence[Row], labels: Mapping[str, str]
) -> Picture | None:
    """The "train" or "test" losses of all backends on a log axis; None where there are none."""
    found = [(row.entry, _positive(getattr(row.fit, f"{which}_losses", None))) for row in rows]
    curves = [(entry, values) for entry, values in found if np.isfinite(values).any()]
    if not curves:
        return None

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        for index, (entry, values) in enumerate(curves):
            # The widest lies beneath, so that curves that agree show as nested bands.
            width = 3.2 - 2.5 * index / len(curves)
            look: dict[str, Any] = {"lw": width, "color": framework_colour(entry.framework)}
            restless = jumps(values)
            epochs = np.arange(len(values))
            calm, dashes = np.where(restless, np.nan, values), DASHES[index % len(DASHES)]
            axes.plot(epochs, calm, ls=dashes, label=drawing.short(labels[entry.id]), **look)
            # A line up and down at every epoch would be a solid block: a short dash for each.
            ends = np.add.outer(epochs[restless], [-0.5, 0.5, np.nan])
            axes.plot(ends.ravel(), np.repeat(values[restless], 3), **look)
        axes.set_yscale("log")
        low, high = axes.get_ylim()
        # Little more than a decade would have a single tick.
        steps = (1, 2, 5) if high < 30 * low else (1,)
        set_ticks(axes.yaxis, LogLocator(subs=steps), "{:g}".format)
        axes.set(xlabel="epoch", ylabel=f"{which} loss")
        legend(figure)

    alt = f"The {which} loss per epoch of {text.both([labels[entry.id] for entry, _ in curves])}"
    size = _WIDTH, _HEIGHT + 0.12 * len(curves)
    return drawing.picture(f"{slug}-{which}-loss", alt, size, draw)


def _thinned(values: np.ndarray, most: int) -> np.ndarray:
    """Every n-th value, so that at most `most` are left."""
    return values[:: max(1, -(-len(values) // most))]


def jumps(losses: np.ndarray) -> np.ndarray:
    """Where losses jump up and down: next to a turn, within two epochs, of 5 % or more."""
    with np.errstate(invalid="ignore"):
        steps = np.diff(np.log(losses))
    large = np.abs(steps) > 0.05
    turns = np.zeros(len(losses))
    turns[1:-1] = (steps[1:] * steps[:-1] < 0) & large[1:] & large[:-1]
    return np.convolve(turns, np.ones(5), "same")[: len(losses)] > 1


def _positive(losses: Sequence[float] | None) -> np.ndarray:
    """Losses as a log axis can take them: what is 0, infinite or no number is left out."""
    values = np.asarray([] if losses is None else losses, float)
    return np.where(np.isfinite(values) & (values > 0), values, np.nan)
