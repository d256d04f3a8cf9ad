"""Time to accuracy: the figure, the table and the sentence."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from benchmarks.runfile import Record
from reports import text
from reports.analysis import accuracy
from reports.analysis.accuracy import TOLERANCES, Path, Race
from reports.analysis.rows import Row
from reports.figures.drawing import INK, MARKERS, Picture, framework_colours, picture, short

_DASHES = ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (7, 2, 1, 2)))
#: Inches, on a page and on a phone.
_WIDTH, _NARROW, _HEIGHT = 7.2, 4.0, 3.4
#: Errors below this are drawn at it: further decades would say nothing, and take the room.
_LEAST = 1e-16
_SUPERSCRIPT = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")
NOT_REACHED = "not reached"
#: Races whose curves are open on the page, and that the summary tells of more.
FEW = 2


@dataclass(frozen=True)
class Line:
    """One backend, in the words of a table."""

    backend: str
    method: str
    times: list[tuple[str, str]]  # to each tolerance, with the interval
    error: str  # at the end
    whole: str  # time of a whole fit


@dataclass(frozen=True)
class Shown:
    """One race, drawn and in words."""

    title: str
    sentence: str
    heads: list[str]
    lines: list[Line]
    picture: Picture


def races(records: Sequence[Record], rows: Sequence[Row]) -> list[Shown]:
    """All that a run has."""
    return [_shown(number, race) for number, race in enumerate(accuracy.races(records, rows))]


def _shown(number: int, race: Race) -> Shown:
    labels = text.labels([path.row for path in race.paths])
    closed = text.both([text.line(name) for name in race.closed])
    return Shown(
        title=f"{text.line(race.descent)} and {closed}",
        sentence=_sentence(race, labels),
        heads=[f"time to {_power(tolerance)}" for tolerance in TOLERANCES],
        lines=[_line(race, path, labels) for path in _by_last(race.paths)],
        picture=_picture(f"accuracy-{number + 1}", race, labels),
    )


def _by_last(paths: Sequence[Path]) -> list[Path]:
    """The first to reach the last tolerance first; then those that never do, as they stand."""

    def when(path: Path) -> float:
        reached = path.time_to(TOLERANCES[-1])
        return reached.value if reached else np.inf

    return sorted(paths, key=when)


def _is_descent(race: Race, path: Path) -> bool:
    return path.row.workload == race.descent


def _line(race: Race, path: Path, labels: dict[str, str]) -> Line:
    return Line(
        backend=labels[path.row.entry],
        method="descent" if _is_descent(race, path) else "closed form",
        times=[_time(path, tolerance) for tolerance in TOLERANCES],
        error=text.error(path.error),
        whole=text.seconds(path.row.seconds_median),
    )


def _time(path: Path, tolerance: float) -> tuple[str, str]:
    reached = path.time_to(tolerance)
    if reached is None:
        return NOT_REACHED, ""
    limits = text.between(reached.value, reached.low, reached.high)
    return text.seconds(reached.value), limits


def _sentence(race: Race, labels: dict[str, str]) -> str:
    """The first of either kind, from the last tolerance to the first."""
    said = []
    for tolerance in reversed(TOLERANCES):
        first = []
        for descent, kind in ((False, "closed form"), (True, "descent")):
            there = [
                (reached.value, labels[path.row.entry])
                for path in race.paths
                if _is_descent(race, path) == descent and (reached := path.time_to(tolerance))
            ]
            if not there:
                first.append(f"no {kind} does")
                continue
            seconds, name = min(there)
            first.append(f"{name} ({kind}) takes {text.seconds(seconds)}")
        said.append(f"{_power(tolerance)}, {', '.join(first)}")
    return f"To reach the least-squares solution within {'; within '.join(said)}."


def _power(value: float) -> str:
    """A power of ten: `10⁻³`."""
    return "10" + str(round(np.log10(value))).translate(_SUPERSCRIPT)


def _picture(name: str, race: Race, labels: dict[str, str]) -> Picture:
    colours = framework_colours([path.row for path in race.paths])

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        seen: dict[tuple[str, bool], int] = {}
        for path in race.paths:
            descent, framework = _is_descent(race, path), path.row.framework
            turn = seen.setdefault((framework, descent), 0)
            seen[framework, descent] += 1
            errors = np.maximum(path.errors, _LEAST)
            colour, label = colours[framework], short(labels[path.row.entry])
            if descent:
                dashes = _DASHES[turn % len(_DASHES)]
                axes.plot(path.seconds, errors, lw=1.6, ls=dashes, color=colour, label=label)
                continue
            middle = float(path.seconds[0])
            reach = [
                [middle - (path.row.seconds_low or middle)],
                [(path.row.seconds_high or middle) - middle],
            ]
            marker = MARKERS[turn % len(MARKERS)]
            bars = axes.errorbar(
                [middle], errors, xerr=reach, fmt=marker, color=colour, label=label
            )
            bars[0].set_markersize(5.5)
        if race.statistical and race.statistical > 1e-12:
            axes.axhline(
                race.statistical, color=INK, lw=0.8, ls=(0, (2, 2)), label="distance of the truth"
            )
        narrow = figure.get_figwidth() <= _NARROW
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.xaxis.set_major_locator(LogLocator(numticks=5 if narrow else 9))
        axes.xaxis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: text.tick(value)))
        axes.yaxis.set_major_locator(LogLocator(numticks=9))
        axes.yaxis.set_minor_locator(NullLocator())
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: _power(value)))
        axes.set(xlabel="time, log scale", ylabel="error against least squares, log scale")
        figure.legend(loc="outside lower center", ncols=2 if narrow else 4)

    alt = "Error against the least-squares solution over time. " + "; ".join(
        f"{labels[path.row.entry]}: {text.error(path.error)} after "
        + text.seconds(path.row.seconds_median)
        for path in race.paths
    )
    lines = len(race.paths)
    wide, narrow = (_WIDTH, _HEIGHT + 0.05 * lines), (_NARROW, _HEIGHT + 0.1 * lines)
    return picture(name, alt, wide, draw, narrow)
