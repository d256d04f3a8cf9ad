"""Small drawings, hundreds on a page: a mark in each cell of a table, the samples of each row.

They are written as SVG directly, since matplotlib would take tens of milliseconds for each. All
marks of a column share an axis. Their places are shares of a cell's width: one drawing does for a
desk and a phone.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from markupsafe import Markup
from matplotlib.ticker import MaxNLocator

from reports import text
from reports.analysis.rows import Row
from reports.figures.axes import log_limits
from reports.figures.drawing import BLUE, FRAMEWORKS, MARKERS, ORANGE, PURPLE, SKY, device_markers

#: The colours of the phases of `Row.phases`.
PHASES = {"import": SKY, "device start": BLUE, "transfer": PURPLE, "first fit": ORANGE}
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
#: Of a timeline, pixels; of more samples than `_MOST`, evenly chosen ones are drawn.
_WIDTH, _HEIGHT, _EDGE, _MOST = 480, 84, 6, 160


@dataclass(frozen=True)
class Marks:
    """The marks of one column; by default there is nothing to mark."""

    axis: str = ""  # the labels of its ticks
    grid: str = "none"  # a CSS background: a line at each tick
    of: Mapping[str, Markup] = field(default_factory=dict)  # by the entry's id
    keys: Sequence[tuple[str, Markup]] = ()  # device and its marker, where there are several


def time_marks(rows: Mapping[str, Row]) -> Marks:
    """The time of one fit with its interval, of timed rows by their ids, on a log axis."""
    known = {key: (row, row.time) for key, row in rows.items() if row.time}
    if not known:
        return Marks()
    low, high, ticks = log_limits([time for _, time in known.values()], most=6, fine=30)
    markers = device_markers([row for row, _ in known.values()])

    def at(seconds: float) -> float:
        # Within edges of 5 %: no marker reaches beyond its cell.
        return 5 + 90 * math.log(seconds / low) / math.log(high / low)

    marks = {}
    for key, (row, time) in known.items():
        interval = Markup('<line x1="{:.2f}%" x2="{:.2f}%" y1="50%" y2="50%"/>')
        dot = _marker(markers[row.entry.device], at(time.value))
        marks[key] = _svg(interval.format(at(time.low), at(time.high)) + dot, row.entry.framework)
    keys = [(device, _svg(_marker(marker, 50))) for device, marker in markers.items()]
    axis, grid = _axis([(at(tick), text.tick(tick)) for tick in ticks])
    return Marks(axis, grid, marks, keys if len(keys) > 1 else ())


def phase_marks(rows: Sequence[Row]) -> Marks:
    """What a user who fits once waits for, phase after phase, on a linear axis from 0."""
    if not rows:
        return Marks()
    most = 1.05 * max(row.once or 0.0 for row in rows) or 1.0
    marks = {}
    for row in rows:
        done, bars = 0.0, Markup("")
        for phase, seconds in row.phases.items():
            share = 100 * (seconds or 0.0) / most
            bar = '<rect x="{:.2f}%" width="{:.2f}%" y="25%" height="50%" fill="{}"/>'
            bars += Markup(bar).format(done, share, PHASES[phase])
            done += share
        marks[row.entry.id] = _svg(bars)
    ticks = [tick for tick in MaxNLocator(3).tick_values(0, most) if 0 <= tick <= most]
    return Marks(*_axis([(100 * tick / most, text.tick(tick)) for tick in ticks]), marks)


def _svg(content: Markup, framework: str = "") -> Markup:
    """Hidden from screen readers: the numbers stand beside it."""
    kind = f" {framework}" if framework in FRAMEWORKS else ""
    return Markup('<svg class="mark{}" aria-hidden="true">{}</svg>').format(kind, content)


def _marker(marker: str, place: float) -> Markup:
    return Markup('<svg x="{:.2f}%" y="50%"><path d="{}"/></svg>').format(place, _PATHS[marker])


def _axis(ticks: Sequence[tuple[float, str]]) -> tuple[Markup, str]:
    """The labels, and lines beneath them; on a phone there is room for the first and the last."""
    labels = Markup("")
    for index, (place, label) in enumerate(ticks):
        kind = Markup("" if index in (0, len(ticks) - 1) else ' class="minor"')
        labels += Markup('<span style="left:{:.2f}%"{}>{}</span>').format(place, kind, label)
    line = "linear-gradient(var(--grid) 0 0) {:.2f}% 0/1px 100% no-repeat"
    return labels, ",".join(line.format(place) for place, _ in ticks)


def timeline(row: Row) -> Markup:
    """Each sample at its round, time upwards on a log scale, the median as a line.

    The samples of one process share a shade. Empty if there are none.
    """
    if row.time is None:
        return Markup("")
    rounds = sorted(row.times)
    drawn = rounds[:: math.ceil(len(rounds) / _MOST)]
    logs = [math.log(row.times[number].seconds) for number in drawn]
    median = math.log(row.time.value)
    low, high = min(*logs, median), max(*logs, median)
    # At least 10 % from the lowest to the highest, so that calm samples look calm.
    reach = max((high - low) / 2, 0.05)
    middle, first, last = (low + high) / 2, rounds[0], max(rounds[-1], rounds[0] + 1)

    def y(log: float) -> str:
        return f"{_HEIGHT / 2 - (log - middle) / reach * (_HEIGHT / 2 - _EDGE):.1f}"

    dots: dict[int, str] = {}
    for number, log in zip(drawn, logs, strict=True):
        x = _EDGE + (number - first) / (last - first) * (_WIDTH - 2 * _EDGE)
        replicate = row.times[number].replicate
        dots[replicate] = dots.get(replicate, "") + f"M{x:.0f} {y(log)}h0"
    paths = Markup("").join(
        Markup('<path class="process-{}" d="{}"/>').format(order % 4, points)
        for order, points in enumerate(dots.values())
    )
    return Markup(
        '<svg class="timeline" viewBox="0 0 {w} {h}" role="img" aria-label="{alt}">'
        '<line x1="0" x2="{w}" y1="{y}" y2="{y}"/>{paths}</svg>'
    ).format(w=_WIDTH, h=_HEIGHT, y=y(median), paths=paths, alt=timeline_caption(row))


def timeline_caption(row: Row) -> str:
    """What the timeline shows, in words."""
    times = [sample.seconds for sample in row.times.values()]
    replicates = {sample.replicate for sample in row.times.values()}
    processes = text.count(len(replicates), "process", "processes")
    step = math.ceil(len(times) / _MOST)
    samples = text.count(len(times), "sample") + (f", one in {step} drawn," if step > 1 else "")
    what = f"{samples} of {processes} in the order of their rounds"
    ends = f"{text.seconds(min(times))} to {text.seconds(max(times))}"
    return f"{what}: {ends}; the line is the median, {text.seconds(row.time)}"
