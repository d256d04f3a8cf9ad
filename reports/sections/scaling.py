"""How time grows with size: the figure, the table, and a sentence for each crossover."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib.figure import Figure
from matplotlib.ticker import FuncFormatter, LogLocator, NullLocator

from benchmarks.runfile import Record
from reports import text
from reports.analysis import scaling
from reports.analysis.rows import Row
from reports.analysis.scaling import Crossover, Key, Series
from reports.figures.drawing import INK, MARKERS, Picture, framework_colours, picture, short

_WORDS = {"n_samples": "samples", "n_features": "features"}
#: Inches, on a page and on a phone.
_WIDTH, _NARROW, _HEIGHT = 7.2, 4.0, 3.4


@dataclass(frozen=True)
class Line:
    """One backend, in the words of a table."""

    backend: str
    exponent: tuple[str, str]  # with its interval
    over: str  # from which size to which
    smallest: str  # time at the smallest size
    largest: str  # time at the largest size
    memory: str  # that the first fit needed at the largest size
    share: str  # how many times the size of X that is


@dataclass(frozen=True)
class Shown:
    """One series, drawn and in words."""

    title: str
    sentences: list[str]  # one for each change of the lead
    lines: list[Line]
    crossovers: list[str]  # all of them, pair by pair
    failed: list[str]  # what is not drawn, since it is not right
    picture: Picture


def series(records: Sequence[Record], rows: Sequence[Row]) -> list[Shown]:
    """All that a run has."""
    return [_shown(number, one) for number, one in enumerate(scaling.series(records, rows))]


def dimensions(one: Series) -> tuple[str, str]:
    """What the series varies, and what it holds: `samples`, `10 features, float32`."""
    kept = next(word for dimension, word in _WORDS.items() if dimension != one.dimension)
    return _WORDS[one.dimension], f"{one.fixed:,} {kept}, {text.line(one.dtype)}"


def _shown(number: int, one: Series) -> Shown:
    some = [next(iter(curve.values())) for curve in one.rows.values()]
    by_entry = text.labels(some)
    labels = {key: by_entry[row.entry] for key, row in zip(one.rows, some, strict=True)}
    varied, at = dimensions(one)
    lead = scaling.leading(one)
    return Shown(
        title=f"Time over {varied}, at {at}: {text.line(one.method)}",
        sentences=[_sentence(found, varied, labels) for found in lead]
        or [_no_change(one, varied, labels)],
        lines=[_line(one, key, labels) for key in one.rows],
        crossovers=[_sentence(found, varied, labels) for found in scaling.crossovers(one)],
        failed=[
            f"{text.line(row.backend)} at {size:,} {varied}: {text.line(row.reason)}"
            for size, row in one.failed
        ],
        picture=_picture(f"scaling-{number + 1}", one, labels),
    )


def _no_change(one: Series, varied: str, labels: Mapping[Key, str]) -> str:
    leaders, sizes = set(scaling.fastest(one)), list(one.names)
    if len(leaders) == 1:
        name = labels[leaders.pop()]
        return f"{name} has the shortest time from {sizes[0]:,} to {sizes[-1]:,} {varied}."
    return f"From {sizes[0]:,} to {sizes[-1]:,} {varied}, the lead does not change for certain."


def _sentence(found: Crossover, varied: str, labels: Mapping[Key, str]) -> str:
    before, after = labels[found.before], labels[found.after]
    between = f"{_size(found.low)} to {_size(found.high)}"
    if found.size is None:
        return (
            f"{before} is faster up to {_size(found.low)} {varied} and {after} from "
            f"{_size(found.high)} on; in between it is not certain at every size."
        )
    return (
        f"Below about {_size(found.size)} {varied} ({between}) {before} is faster than {after}, "
        "above it slower."
    )


def _size(value: float) -> str:
    """A size to two digits: `38,000`."""
    return f"{float(f'{value:.2g}'):,.0f}"


def _line(one: Series, key: Key, labels: Mapping[Key, str]) -> Line:
    curve = one.rows[key]
    found, largest = scaling.exponent(curve), max(curve)
    row = curve[largest]
    n_samples, n_features = (
        (largest, one.fixed) if one.dimension == "n_samples" else (one.fixed, largest)
    )
    X = n_samples * n_features * (4 if one.dtype == "float32" else 8)
    memory = row.peak_bytes
    return Line(
        backend=labels[key],
        exponent=(f"{found.value:.2f}", f"{found.low:.2f} to {found.high:.2f}")
        if found
        else (text.MISSING, ""),
        over=f"{_size(found.first)} to {_size(found.last)}" if found else text.MISSING,
        smallest=_at(curve, min(curve)),
        largest=_at(curve, largest),
        memory=text.amount(memory, "B"),
        share=text.MISSING if memory is None else f"{memory / X:.1f}×",
    )


def _at(curve: Mapping[int, Row], size: int) -> str:
    return f"{text.seconds(curve[size].seconds_median)} at {size:,}"


def _picture(name: str, one: Series, labels: Mapping[Key, str]) -> Picture:
    curves = {key: list(curve.values()) for key, curve in one.rows.items()}
    colours = framework_colours([row for rows in curves.values() for row in rows])
    floors = {
        size: row.floor_seconds
        for curve in one.rows.values()
        for size, row in curve.items()
        if row.floor_seconds
    }

    def draw(figure: Figure) -> None:
        axes = figure.add_subplot()
        seen: dict[str, int] = {}
        for key, rows in curves.items():
            framework, sizes = rows[0].framework, list(one.rows[key])
            turn = seen.setdefault(framework, 0)
            seen[framework] += 1
            low, middle, high = (
                np.array([getattr(row, f"seconds_{which}") for row in rows], dtype=float)
                for which in ("low", "median", "high")
            )
            axes.errorbar(
                sizes,
                middle,
                yerr=[middle - low, high - middle],
                color=colours[framework],
                marker=MARKERS[turn % len(MARKERS)],
                ls=("-", (0, (5, 2)), (0, (1, 1.2)))[turn % 3],
                ms=4,
                lw=1.4,
                elinewidth=1.4,
                label=short(labels[key]),
            )
        if floors:
            sizes = sorted(floors)
            axes.plot(sizes, [floors[size] for size in sizes], color=INK, lw=0.9, label="floor")
        narrow = figure.get_figwidth() <= _NARROW
        axes.set_xscale("log")
        axes.set_yscale("log")
        axes.xaxis.set_major_locator(LogLocator(numticks=4 if narrow else 9))
        axes.yaxis.set_major_locator(LogLocator(numticks=9))
        for axis in (axes.xaxis, axes.yaxis):
            axis.set_minor_locator(NullLocator())
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,.0f}"))
        axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: text.tick(value)))
        axes.set(xlabel=f"{_WORDS[one.dimension]}, log scale", ylabel="time of one fit, log scale")
        figure.legend(loc="outside lower center", ncols=2 if narrow else 4)

    alt = f"Time of one fit over {_WORDS[one.dimension]}. " + "; ".join(
        f"{labels[key]}: {_at(curve, min(curve))}, {_at(curve, max(curve))}"
        for key, curve in one.rows.items()
    )
    lines = len(curves) + 1
    wide, narrow = (_WIDTH, _HEIGHT + 0.05 * lines), (_NARROW, _HEIGHT + 0.1 * lines)
    return picture(name, alt, wide, draw, narrow)
