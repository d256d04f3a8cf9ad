"""How times, ratios, errors and names are put in words, the same in every output."""

import math
from collections.abc import Iterable, Sequence

from benchmarks.estimates import Estimate
from benchmarks.runfile.header import EntryRecord
from benchmarks.verdict import Verdict
from reports.analysis.places import inverse
from reports.analysis.rows import Row

MISSING = "–"
#: What a reader must know of a plug-in.
UNVOUCHED = "what it says of itself is not checked by the suite's authors"
_UNITS = ((1.0, "s"), (1e-3, "ms"), (1e-6, "µs"), (1e-9, "ns"))
_PREFIXES = ((1e12, "T"), (1e9, "G"), (1e6, "M"), (1e3, "k"))
#: An interval whose ends are so many times apart says nothing.
_UNKNOWN = 1e4
_NO_BREAK = "\N{NO-BREAK SPACE}"


def seconds(time: float | Estimate | None) -> str:
    """A time in its natural unit to three digits: `1.40 ms`."""
    value = time.value if isinstance(time, Estimate) else time
    if value is None:
        return MISSING
    size, unit = _unit(value)
    return f"{value / size:.{_decimals(value / size)}f}{_NO_BREAK}{unit}"


def two_speeds(row: Row) -> str:
    """That the processes of an entry differ, and by how much: `two speeds: 8.00 and 30.3 ms`."""
    found = row.speeds
    return f"two speeds: {seconds(found[0])} and {seconds(found[-1])}" if found else ""


def between(time: Estimate | None) -> str:
    """The interval of a time, with its unit and its digits: `1.38 to 1.43`."""
    if time is None:
        return ""
    size, _ = _unit(time.value)
    decimals = _decimals(time.value / size)
    return f"{time.low / size:.{decimals}f} to {time.high / size:.{decimals}f}"


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


def error(value: float | None) -> str:
    """An error or a bound to two digits: `3.1e-07`, `2.4`."""
    if value is None:
        return MISSING
    if not math.isfinite(value):
        return "not a number" if math.isnan(value) else "infinite"
    return f"{value:.2g}" if value == 0 or 0.01 <= abs(value) < 100 else f"{value:.1e}"


def factor(estimate: Estimate) -> tuple[str, str]:
    """A ratio and its interval, `132×` and `128 to 137`, with the digits that tell it from 1."""
    edge = min(abs(estimate.low - 1), abs(estimate.high - 1))
    needed = math.ceil(-math.log10(edge)) if 0 < edge < 1 else 0
    decimals = min(max(_decimals(max(estimate.value, 1.0)), needed), 4)
    low, high = f"{estimate.low:.{decimals}f}", f"to {estimate.high:.{decimals}f}"
    upper = high if math.isfinite(estimate.high) else "or more"
    return f"{estimate.value:.{decimals}f}×", f"{low} {upper}"


def against(row: Row) -> tuple[str, str]:
    """A row against its baseline: a plain word with its factor, and the interval."""
    if row.is_baseline:
        return "baseline", ""
    return (MISSING, "") if row.ratio is None else compared(row.ratio)


def compared(ratio: Estimate) -> tuple[str, str]:
    """A ratio of times: a plain word with its factor, and the interval."""
    word = ratio.against_one()
    fast = inverse(ratio)
    if word == "cannot tell":
        return word, f"{factor(fast)[1]}×" if ratio.high < _UNKNOWN * ratio.low else ""
    value, interval = factor(fast if word == "faster" else ratio)
    return f"{value} {word}", interval


def changed(ratio: Estimate | None) -> tuple[str, str]:
    """A ratio of times as a change: `slower` and `+5.2% (+3.0% to +7.4%)`."""
    if ratio is None:
        return "not timed", ""
    value, low, high = map(percent, (ratio.value, ratio.low, ratio.high))
    return ratio.against_one(), f"{value} ({low} to {high})"


def percent(ratio: float) -> str:
    """A ratio as a change: `+5.2%`."""
    return f"{100 * (ratio - 1):+.1f}%"


def verdict(row: Row) -> str:
    """What the gate said of a row in a word: "right", or what happened instead."""
    if row.passed:
        return "right"
    return "not checked" if row.status == "passed" else row.status


def r2(verdict: Verdict | None) -> str:
    """The share of the variation that a fit explains: `0.8905`, or `0.6191 of 0.8905`."""
    if verdict is None or verdict.r2 is None or verdict.best_r2 is None:
        return MISSING
    found, best = (
        f"{value:.4f}" if value > -10 else f"{value:.2g}" for value in (verdict.r2, verdict.best_r2)
    )
    return best if found == best else f"{found} of {best}"


def labels(rows: Iterable[Row]) -> dict[str, str]:
    """Names by entries' ids, with device and threads only where they tell entries apart."""
    entries = [row.entry for row in rows]
    result = {}
    for entry in entries:
        same = [other for other in entries if other.name == entry.name]
        apart = [entry.device] if len({other.device for other in same}) > 1 else []
        if len({other.threads for other in same}) > 1:
            apart.append(count(entry.threads, "thread"))
        result[entry.id] = entry.name + (f" ({', '.join(apart)})" if apart else "")
    return result


def count(number: int, noun: str, plural: str = "") -> str:
    """`1 thread`, `4 threads`, `1,000 samples`, `2 processes`."""
    return f"{number:,} {noun if number == 1 else plural or f'{noun}s'}"


def where(entry: EntryRecord) -> str:
    """`cpu, 4 threads`."""
    return f"{entry.device}, {count(entry.threads, 'thread')}"


def plugin_note(source: str) -> str:
    """What the mark of a plug-in means, which comes from a file or an entry point `source`."""
    return f"from {source}: its code runs in its own process, and {UNVOUCHED}"


def both(names: Sequence[str]) -> str:
    """`a`, `a and b`, `a, b and c`."""
    return " and ".join(filter(None, [", ".join(names[:-1]), *names[-1:]]))
