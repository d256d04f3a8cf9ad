"""From which size CUDA pays: one sentence and one figure for each series, and its backends."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from benchmarks.runfile import Record
from reports import text
from reports.analysis import scaling
from reports.analysis.break_even import BreakEven, break_evens
from reports.analysis.rows import Row
from reports.analysis.scaling import Series
from reports.figures.drawing import INK, MARKERS, VERMILION, Picture, picture
from reports.sections.scaling import dimensions

#: Where the data are: whether their transfer counts, and how it is drawn.
_PLACES = {
    False: ("on the device", INK, "-"),
    True: ("on the host", VERMILION, (0, (5, 2))),
}
#: Inches, on a page and on a phone.
_WIDTH, _NARROW, _HEIGHT = 7.2, 4.0, 3.2


@dataclass(frozen=True)
class Line:
    """One backend that ran on the CPU and on a GPU: from which size it is faster there."""

    backend: str
    on_device: str
    on_host: str


@dataclass(frozen=True)
class Shown:
    """One series, drawn and in words."""

    title: str
    sentences: list[str]  # one for each GPU
    lines: list[Line]
    picture: Picture


def shown(records: Sequence[Record], rows: Sequence[Row]) -> list[Shown]:
    """All that a run has; nothing if it has no series with a GPU."""
    found = [(one, break_evens(one)) for one in scaling.series(records, rows)]
    return [
        _shown(number, one, points)
        for number, (one, points) in enumerate(found)
        if any(point.backend is None for point in points)
    ]


def sentences(records: Sequence[Record], rows: Sequence[Row]) -> list[str]:
    """The sentences alone, for a terminal."""
    series = scaling.series(records, rows)
    return [sentence for one in series for sentence in _sentences(one, break_evens(one))]


def _shown(number: int, one: Series, points: Sequence[BreakEven]) -> Shown:
    varied, at = dimensions(one)
    own: dict[tuple[str, str], dict[bool, BreakEven]] = {}
    for point in points:
        if point.backend is not None:
            own.setdefault((point.backend, point.device), {})[point.transfer] = point
    return Shown(
        title=f"From how many {varied}, at {at}, {text.line(one.method)}",
        sentences=_sentences(one, points),
        lines=[
            Line(
                f"{text.line(backend)} ({_name(device, points)})",
                *(
                    _when(both[place], varied) if place in both else text.MISSING
                    for place in _PLACES
                ),
            )
            for (backend, device), both in own.items()
        ],
        picture=_picture(f"break-even-{number + 1}", one, points),
    )


def _name(device: str, points: Sequence[BreakEven]) -> str:
    """CUDA, or which of several GPUs."""
    return text.line(device) if len({point.device for point in points}) > 1 else "CUDA"


def _sentences(one: Series, points: Sequence[BreakEven]) -> list[str]:
    """What the fastest of each device say, one sentence for each GPU."""
    varied, at = dimensions(one)
    best: dict[str, dict[bool, BreakEven]] = {}
    for point in points:
        if point.backend is None:
            best.setdefault(point.device, {})[point.transfer] = point
    return [
        f"{_name(device, points)} pays "
        + ", and ".join(
            f"{_when(both[transfer], varied)} with the data {place}"
            for transfer, (place, *_) in _PLACES.items()
            if transfer in both
        )
        + f": the fastest right backend of each device, at {at}, {text.line(one.method)}."
        for device, both in best.items()
    ]


def _when(point: BreakEven, varied: str) -> str:
    """What follows "CUDA pays": `from about 40,000 samples (38,000 to 43,000)`."""
    sizes, found = sorted(point.ratios), point.crossing
    if found and point.answer in ("from", "until"):
        between = f"{_size(found.low)} to {_size(found.high)}"
        way = "from" if point.answer == "from" else "only below"
        if found.size is None:
            return f"{way} somewhere in {between} {varied}"
        return f"{way} about {_size(found.size)} {varied} ({between})"
    if point.answer == "always":
        least = point.first_certain or sizes[0]
        certainly = " for certain" if least > sizes[0] else ", the fewest tried,"
        return f"from {least:,} {varied}{certainly}"
    if point.answer == "never":
        return f"at no size up to {sizes[-1]:,} {varied}"
    return "at no size for certain"


def _size(value: float) -> str:
    """A size to three digits, `38,200`: an interval may be narrower than two could tell."""
    return f"{float(f'{value:.3g}'):,.0f}"


def _picture(name: str, one: Series, points: Sequence[BreakEven]) -> Picture:
    varied, _ = dimensions(one)
    best = [point for point in points if point.backend is None]
    devices = list(dict.fromkeys(point.device for point in best))

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        narrow = figure.get_figwidth() <= _NARROW
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.axhline(1, color=INK, lw=0.9)
        for point in best:
            place, colour, dashes = _PLACES[point.transfer]
            sizes = sorted(point.ratios)
            low, middle, high = (
                np.array([getattr(point.ratios[size], end) for size in sizes])
                for end in ("low", "value", "high")
            )
            label = f"data {place}"
            if len(devices) > 1:
                label = f"{text.line(point.device)}, {label}"
            axes.errorbar(
                sizes,
                middle,
                yerr=[middle - low, high - middle],
                color=colour,
                marker=MARKERS[devices.index(point.device) % len(MARKERS)],
                ls=dashes,
                ms=4,
                lw=1.4,
                elinewidth=1.4,
                label=label,
            )
            if found := point.crossing:
                axes.axvspan(found.low, found.high, color=colour, alpha=0.25, lw=0)
        axes.xaxis.set_major_locator(LogLocator(numticks=4 if narrow else 9))
        axes.yaxis.set_major_locator(LogLocator(numticks=7))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
        axes.set(xlabel=f"{varied}, log scale", ylabel="time on the CPU / on CUDA")
        figure.legend(loc="outside lower center", ncols=1 if narrow else 2)

    alt = "Time on the CPU over time on CUDA, the fastest of each device. " + "; ".join(
        f"{text.line(point.device)}, data {_PLACES[point.transfer][0]}: "
        + ", ".join(
            f"{ratio.value:.2g} at {size:,}" for size, ratio in sorted(point.ratios.items())
        )
        for point in best
    )
    return picture(name, alt, (_WIDTH, _HEIGHT), draw, (_NARROW, _HEIGHT + 0.2 * len(devices)))
