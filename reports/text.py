"""How times, ratios, errors and names are put in words, the same in every output."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from typing import Any

from benchmarks.estimates import Estimate
from benchmarks.printable import line as line
from reports.analysis.rows import Row

MISSING = "–"
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
_NO_BREAK = "\N{NO-BREAK SPACE}"


def number(value: Any) -> float | None:
    """A number of a run file, where infinities and NaN are strings; None if there is none."""
    try:
        return None if value is None else float(value)
    except (TypeError, ValueError):
        return None


def seconds(value: float | None, low: float | None = None, high: float | None = None) -> str:
    """A time in its natural unit to three digits: `1.40 ms`, or `1.40 ms (1.38 to 1.43)`."""
    if value is None:
        return MISSING
    size, unit = _unit(value)
    shown = f"{value / size:.{_decimals(value / size)}f}{_NO_BREAK}{unit}"
    limits = between(value, low, high)
    return f"{shown} ({limits})" if limits else shown


def between(value: float | None, low: float | None, high: float | None) -> str:
    """The interval of a time, in the unit and with the digits of the time: `1.38 to 1.43`."""
    if value is None or low is None or high is None:
        return ""
    size, _ = _unit(value)
    decimals = _decimals(value / size)
    return f"{low / size:.{decimals}f} to {high / size:.{decimals}f}"


def tick(value: float) -> str:
    """A time on an axis: `10 ms`, without digits that say nothing."""
    size, unit = _unit(value)
    return f"{value / size:.3g}{_NO_BREAK}{unit}"


def amount(value: float | None, unit: str) -> str:
    """A quantity to three digits with an SI prefix: `16.1 MB`, `104 Gflop/s`."""
    if value is None:
        return MISSING
    rounded = float(f"{value:.3g}")
    size, prefix = next((pair for pair in _PREFIXES if rounded >= pair[0]), (1.0, ""))
    return f"{value / size:.{_decimals(value / size)}f}{_NO_BREAK}{prefix}{unit}"


def times(value: float | None) -> str:
    """How many times something is, to three digits: `7.08×`, `38,100×`."""
    if value is None:
        return MISSING
    return f"{float(f'{value:.3g}'):,.{_decimals(value)}f}×"


def _unit(value: float) -> tuple[float, str]:
    # Rounded first, or 0.9999 s would come out as 1000 ms.
    rounded = float(f"{value:.3g}")
    return next((pair for pair in _UNITS if rounded >= pair[0]), _UNITS[0 if value == 0 else -1])


def _decimals(value: float) -> int:
    if value <= 0:
        return 0
    return max(0, 2 - math.floor(math.log10(float(f"{value:.3g}"))))


def error(value: Any) -> str:
    """An error or a bound to two digits: `3.1e-07`, `2.4`."""
    known = number(value)
    if known is None:
        return MISSING
    if not math.isfinite(known):
        return "not a number" if math.isnan(known) else "infinite"
    return f"{known:.2g}" if known == 0 or 0.01 <= abs(known) < 100 else f"{known:.1e}"


def speed(row: Row) -> Estimate | None:
    """How many times as fast as its baseline a row is: the inverse of its ratio of times."""
    if row.ratio is None or row.ratio_low is None or row.ratio_high is None:
        return None
    return Estimate(1 / row.ratio, 1 / row.ratio_high, 1 / row.ratio_low)


def is_baseline(row: Row) -> bool:
    """Whether the others of the workload are compared with this row."""
    return row.ratio == 1 and row.baseline in (
        row.backend,
        f"{row.backend} ({row.device}, {row.threads})",
    )


def factor(estimate: Estimate) -> tuple[str, str]:
    """A ratio and its interval, `132×` and `128 to 137`, with the digits that tell it from 1."""
    edge = min(abs(estimate.low - 1), abs(estimate.high - 1))
    needed = math.ceil(-math.log10(edge)) if 0 < edge < 1 else 0
    decimals = min(max(_decimals(max(estimate.value, 1.0)), needed), 4)
    low, high = f"{estimate.low:.{decimals}f}", f"{estimate.high:.{decimals}f}"
    return f"{estimate.value:.{decimals}f}×", f"{low} to {high}"


def against(row: Row) -> tuple[str, str]:
    """A row against its baseline: a plain word with its factor, and the interval."""
    fast = speed(row)
    if fast is None:
        return MISSING, ""
    if is_baseline(row):
        return "baseline", ""
    return compared(fast)


def compared(fast: Estimate) -> tuple[str, str]:
    """A speed, of which above 1 is faster: a plain word with its factor, and the interval."""
    word = fast.against_one()
    if word == "cannot tell":
        return "cannot tell", f"{factor(fast)[1]}×"
    # A speed above 1 is a time below 1, so the words change places.
    if word == "slower":
        value, interval = factor(fast)
        return f"{value} faster", interval
    value, interval = factor(Estimate(1 / fast.value, 1 / fast.high, 1 / fast.low))
    return f"{value} slower", interval


def changed(ratio: Estimate | None) -> tuple[str, str]:
    """A ratio of times as a change: `slower` and `+5.2% (+3.0% to +7.4%)`."""
    if ratio is None:
        return "not timed", ""
    value, low, high = (f"{100 * (r - 1):+.1f}%" for r in (ratio.value, ratio.low, ratio.high))
    return ratio.against_one(), f"{value} ({low} to {high})"


def verdict(row: Row) -> str:
    """What the gate said of a row in a word: "right", or what happened instead."""
    if row.passed:
        return "right"
    return "not checked" if row.status == "passed" else row.status


def labels(rows: Iterable[Row]) -> dict[str, str]:
    """Entry -> backend, with device and threads only where they tell entries apart."""
    of_backend: dict[str, list[Row]] = {}
    for row in rows:
        of_backend.setdefault(row.backend, []).append(row)
    result = {}
    for backend, same in of_backend.items():
        for row in same:
            parts = []
            if len({other.device for other in same}) > 1:
                parts.append(line(row.device))
            if len({other.threads for other in same}) > 1:
                parts.append(count(row.threads, "thread"))
            where = f" ({', '.join(parts)})" if parts else ""
            result[row.entry] = line(backend) + where
    return result


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 thread`, `4 threads`, `1,000 samples`, `2 processes`."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def both(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
