"""Figures in the cells of a table: each row's mark, on an axis that all of its rows share.

Places are shares of a cell's width, so that one drawing does for a desk and for a phone, and a row
that is sorted or hidden takes its mark along.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from reports import text
from reports.analysis.rows import Row
from reports.figures.drawing import FRAMEWORKS, MARKERS, device_markers
from reports.figures.times import PHASES, log_limits

#: The markers of the other figures, around the point that they mark.
_PATHS = {
    "o": "M-4.5 0a4.5 4.5 0 1 0 9 0a4.5 4.5 0 1 0-9 0z",
    "D": "M-5 0L0-5L5 0L0 5z",
    "s": "M-4-4H4V4H-4z",
    "^": "M-5 4L0-5L5 4z",
    "v": "M-5-4L0 5L5-4z",
    "P": "M-1.5-5H1.5V-1.5H5V1.5H1.5V5H-1.5V1.5H-5V-1.5H-1.5z",
}
assert set(_PATHS) == set(MARKERS)


@dataclass(frozen=True)
class Marks:
    """The marks of one column; by default there is nothing to mark."""

    axis: str = ""  # the labels of its ticks
    grid: str = "none"  # a CSS background: a line at each tick
    of: Mapping[str, Markup] = field(default_factory=dict)  # entry -> mark
    keys: Sequence[tuple[str, Markup]] = ()  # device and its marker, where there are several


def times(rows: Sequence[Row]) -> Marks:
    """The time of one fit with its interval, of timed rows, on a log axis."""
    if not rows:
        return Marks()
    low, high, ticks = log_limits(rows, most=6, fine=30)
    markers = device_markers(rows)

    def at(seconds: float | None) -> float:
        # Within edges of 5 %: no marker reaches beyond its cell.
        return 5 + 90 * math.log((seconds or low) / low) / math.log(high / low)

    def mark(row: Row) -> Markup:
        ends = Markup('<line x1="{:.2f}%" x2="{:.2f}%" y1="50%" y2="50%"/>').format(
            at(row.seconds_low), at(row.seconds_high)
        )
        return _svg(ends + _marker(markers[row.device], at(row.seconds_median)), row.framework)

    keys = [(device, _svg(_marker(marker, 50))) for device, marker in markers.items()]
    return Marks(
        *_axis([(at(tick), text.tick(tick)) for tick in ticks]),
        of={row.entry: mark(row) for row in rows},
        keys=keys if len(keys) > 1 else (),
    )


def phases(rows: Sequence[Row]) -> Marks:
    """What a user who fits once waits for, phase after phase, on a linear axis from 0."""
    if not rows:
        return Marks()
    most = 1.05 * max(row.once_seconds or 0.0 for row in rows) or 1.0

    def mark(row: Row) -> Markup:
        done, bars = 0.0, Markup("")
        for phase, (_, colour) in PHASES.items():
            share = 100 * (getattr(row, phase) or 0.0) / most
            bars += Markup(
                '<rect x="{:.2f}%" width="{:.2f}%" y="25%" height="50%" fill="{}"/>'
            ).format(done, share, colour)
            done += share
        return _svg(bars)

    ticks = [tick for tick in MaxNLocator(3).tick_values(0, most) if 0 <= tick <= most]
    return Marks(
        *_axis([(100 * tick / most, text.tick(tick)) for tick in ticks]),
        of={row.entry: mark(row) for row in rows},
    )


def _svg(content: Markup, framework: str = "") -> Markup:
    """Nothing for those who cannot see: the numbers stand beside it."""
    kind = f" {framework}" if framework in FRAMEWORKS else ""
    return Markup('<svg class="mark{}" aria-hidden="true">{}</svg>').format(kind, content)


def _marker(marker: str, place: float) -> Markup:
    return Markup('<svg x="{:.2f}%" y="50%"><path d="{}"/></svg>').format(place, _PATHS[marker])


def _axis(ticks: Sequence[tuple[float, str]]) -> tuple[str, str]:
    """The labels, and lines beneath them; on a phone there is room for the first and the last."""
    labels = Markup("").join(
        Markup('<span style="left:{:.2f}%"{}>{}</span>').format(
            place, Markup("") if index in (0, len(ticks) - 1) else Markup(' class="minor"'), label
        )
        for index, (place, label) in enumerate(ticks)
    )
    lines = ",".join(
        f"linear-gradient(var(--grid) 0 0) {place:.2f}% 0/1px 100% no-repeat" for place, _ in ticks
    )
    return labels, lines
