"""The samples of one row over time, as a small SVG: matplotlib would take too long for all."""

from __future__ import annotations

import math

from markupsafe import Markup

from reports import text
from reports.analysis.rows import Row

_WIDTH, _HEIGHT, _EDGE = 480, 84, 6
#: Of more samples than this, evenly chosen ones are drawn.
_MOST = 160


def timeline(row: Row) -> Markup:
    """Each sample at its round, time upwards on a log scale, the median as a line.

    The samples of one process share a shade. Empty if there are none.
    """
    if not row.times or row.seconds_median is None:
        return Markup("")
    rounds = sorted(row.times)
    drawn = rounds[:: math.ceil(len(rounds) / _MOST)]
    logs = [math.log(row.times[number].seconds) for number in drawn]
    median = math.log(row.seconds_median)
    low, high = min(*logs, median), max(*logs, median)
    # At least 10 % from the lowest to the highest, so that calm samples look calm.
    reach = max((high - low) / 2, 0.05)
    middle, first, last = (low + high) / 2, rounds[0], max(rounds[-1], rounds[0] + 1)

    def x(number: int) -> str:
        return f"{_EDGE + (number - first) / (last - first) * (_WIDTH - 2 * _EDGE):.0f}"

    def y(log: float) -> str:
        return f"{_HEIGHT / 2 - (log - middle) / reach * (_HEIGHT / 2 - _EDGE):.1f}"

    dots: dict[int, list[str]] = {}
    for number, log in zip(drawn, logs, strict=True):
        dots.setdefault(row.times[number].replicate, []).append(f"M{x(number)} {y(log)}h0")
    paths = Markup("").join(
        Markup('<path class="process-{}" d="{}"/>').format(order % 4, "".join(points))
        for order, points in enumerate(dots.values())
    )
    return Markup(
        '<svg class="timeline" viewBox="0 0 {w} {h}" role="img" aria-label="{alt}">'
        '<line x1="0" x2="{w}" y1="{y}" y2="{y}"/>{paths}</svg>'
    ).format(w=_WIDTH, h=_HEIGHT, y=y(median), paths=paths, alt=caption(row))


def caption(row: Row) -> str:
    """What the drawing shows, in words."""
    if not row.times:
        return ""
    times = [sample.seconds for sample in row.times.values()]
    processes = len({sample.replicate for sample in row.times.values()})
    step = math.ceil(len(times) / _MOST)
    samples = text.count(len(times), "sample") + (f", one in {step} drawn," if step > 1 else "")
    return (
        f"{samples} of {text.count(processes, 'process', 'processes')} in the order of their "
        f"rounds: {text.seconds(min(times))} to {text.seconds(max(times))}; "
        f"the line is the median, {text.seconds(row.seconds_median)}"
    )
