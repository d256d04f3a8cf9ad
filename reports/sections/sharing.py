"""Fits that several workers share: what it costs, from which size it pays, what more would give.

Of each distributed backend there are entries with one worker and with several, which have the same
number of threads together. Their ratio is what distribution costs on this machine. The projection
has three constants that the run has measured: how fast one worker is, and the latency and the rate
with which workers add up arrays.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Self

from benchmarks.estimates import Estimate
from benchmarks.runfile.records import ExchangeRecord, WorkloadRecord
from benchmarks.runfile.run import Run
from reports import text
from reports.analysis.crossing import Comparison
from reports.analysis.rows import Row, by_workload
from reports.figures.axes import Curve, log_log
from reports.figures.drawing import DASHES, Picture, looks
from reports.sections.break_even import when
from reports.sections.scaling import Series

#: Workers that a projection is given for, in words and in the table.
PROJECTED = (8, 64, 1000)
#: Bytes of a number of the sums that are exchanged: they are float64.
_ITEMSIZE = 8


@dataclass(frozen=True)
class Exchange:
    """How long workers take to add up arrays.

    A message goes to and fro between all of them in a number of steps that grows as the logarithm
    of their number. In an all-reduce, 2 (w - 1) / w of the bytes pass each of w workers (Thakur,
    Rabenseifner & Gropp, Int. J. High Perform. Comput. Appl. 19, 2005).
    """

    workers: int  # with which it was measured
    latency: float  # seconds, of the smallest array
    rate: float  # bytes a second that pass a worker

    @classmethod
    def of(cls, record: ExchangeRecord, workers: int) -> Self:
        """From the smallest and the largest array that were added up."""
        (few, latency), *_, (many, longest) = sorted(
            zip(record.n_bytes, record.seconds, strict=True)
        )
        passed = _passed(many - few, workers)
        # What is no slower for more bytes shows no rate.
        rate = passed / (longest - latency) if longest > latency and passed > 0 else math.inf
        return cls(workers, latency, rate)

    def seconds(self, workers: int, n_bytes: int) -> float:
        """How long so many workers take for so many bytes."""
        if workers == 1:
            return 0.0
        steps = math.ceil(math.log2(workers)) / max(1, math.ceil(math.log2(self.workers)))
        return self.latency * steps + _passed(n_bytes, workers) / self.rate


def _passed(n_bytes: int, workers: int) -> float:
    return 2 * (workers - 1) / workers * n_bytes


@dataclass(frozen=True)
class Sharing:
    """One workload on one backend, by several workers and by one.

    It has as many threads as all of them together; if they are on machines of their own, as each.
    """

    workload: WorkloadRecord
    one: Row
    several: Row
    alone: Estimate  # seconds of a fit by the one
    shared: Estimate  # by several
    exchange: Exchange | None
    own_seconds: float  # that the one spends on messages to itself

    @property
    def backend(self) -> str:
        """Which one."""
        return self.several.entry.backend

    @property
    def workers(self) -> int:
        """How many share a fit."""
        return self.several.entry.workers

    @property
    def is_apart(self) -> bool:
        """Whether they are on machines of their own."""
        return self.several.entry.threads > self.one.entry.threads

    @property
    def threads_each(self) -> int:
        """Threads of each of them."""
        return self.several.entry.threads // self.workers

    @property
    def speed_up(self) -> Estimate | None:
        """The time of one worker over that of several."""
        return self.one.ratios.get(self.several.entry.id)

    @property
    def cost(self) -> float:
        """Seconds of a fit that distribution costs; below zero if it saves some."""
        return self.shared.value - self.alone.value

    @property
    def n_bytes(self) -> int:
        """Bytes that are exchanged: [1 X y]'[1 X y], or a triangle of that size."""
        return (self.workload.n_features + 2) ** 2 * _ITEMSIZE

    def projected(self, workers: int) -> float | None:
        """Seconds of a fit by so many workers, each with as many threads as one of these has.

        All work is taken to be shared, and so the time of a fit to be that of one worker over their
        number, plus that of an exchange. Solving the equations is not shared: this is a best case.
        """
        if self.exchange is None:
            return None
        # Of one worker with as many threads as each of these has.
        work = max(0.0, self.alone.value - self.own_seconds)
        alone = work * self.one.entry.threads / self.threads_each
        return alone / workers + self.exchange.seconds(workers, self.n_bytes)

    @property
    def error(self) -> float | None:
        """By which share the projection is off where it can be held against a measurement."""
        projected = self.projected(self.workers)
        return None if projected is None else projected / self.shared.value - 1


def sharings(run: Run, rows: Sequence[Row]) -> list[Sharing]:
    """All of a run, workload by workload."""
    found = []
    for name, same in by_workload(rows).items():
        timed = [row for row in same if row.time]
        for several in (row for row in timed if row.entry.workers > 1):
            one = _alone(several, timed)
            if one and one.time and several.time and name in run.workloads:
                records = run.of(ExchangeRecord, several.entry.id)
                exchange = Exchange.of(records[0], several.entry.workers) if records else None
                own = run.of(ExchangeRecord, one.entry.id)
                least = min(own[0].seconds) if own else 0.0
                both = run.workloads[name], one, several, one.time, several.time
                found.append(Sharing(*both, exchange, least))
    return found


def _alone(several: Row, rows: Iterable[Row]) -> Row | None:
    """The same backend with one worker, which has as many threads as all, or else as each."""
    entry = several.entry
    wanted = entry.backend, entry.variant, entry.device, 1
    threads = entry.threads, entry.threads // entry.workers
    for row in rows:
        other = row.entry
        place = other.backend, other.variant, other.device, other.workers
        if place == wanted and other.threads in threads:
            return row
    return None


#: Backend, workers, and whether these are on machines of their own.
Team = tuple[str, int, bool]


def payoffs(series: Series, sharings: Sequence[Sharing]) -> dict[Team, Comparison]:
    """One worker against several, over the sizes of a series: for each backend and number."""
    names = {rows[0].entry.workload: size for size, rows in series.by_size.items() if rows}
    ratios: dict[Team, dict[int, Estimate]] = {}
    for one in sharings:
        if one.workload.name in names and one.speed_up:
            by_size = ratios.setdefault((one.backend, one.workers, one.is_apart), {})
            by_size[names[one.workload.name]] = one.speed_up
    return {team: Comparison(by_size) for team, by_size in ratios.items()}


@dataclass(frozen=True)
class SharingSection:
    """All of a run."""

    sharings: Sequence[Sharing]
    series: Sequence[Series]

    @cached_property
    def sentences(self) -> list[str]:
        """From which size several workers pay, where there are sizes."""
        return [
            f"Against one {'machine' if apart else 'process with as many threads'}, "
            f"{workers} workers of {backend} pay "
            f"{when(found, series.varied).rstrip(',')}, at {series.setting}."
            for series in self.series
            for (backend, workers, apart), found in payoffs(series, self.sharings).items()
        ]

    @property
    def off(self) -> str:
        """How far the projection is off where it was measured: `at most 12 %`."""
        errors = [abs(one.error) for one in self.sharings if one.error is not None]
        return f"{max(errors):.0%}" if errors else ""

    @property
    def drawn(self) -> list[Sharing]:
        """The largest workload of each backend, and its most workers: what more would give."""
        found: dict[str, Sharing] = {}
        for one in self.sharings:
            known = found.get(one.backend)
            if one.exchange and (known is None or _size(one) > _size(known)):
                found[one.backend] = one
        return list(found.values())

    @cached_property
    def picture(self) -> Picture:
        """The projection as a curve, and what was measured as points."""
        curves, said, shown = [], [], self.drawn
        styles = looks([one.several for one in shown], DASHES[1:4])
        for one, (colour, marker, dashes) in zip(shown, styles, strict=True):
            workers = [2**n for n in range(math.ceil(math.log2(PROJECTED[-1])) + 1)]
            times = [one.projected(number) or math.nan for number in workers]
            name = f"{one.backend}, projected"
            curves.append(Curve(name, colour, workers, times, dashes=dashes))
            name = f"{one.backend}, measured"
            curves.append(Curve(name, colour, [one.workers], [one.shared], marker))
            values = ", ".join(f"{text.seconds(one.projected(n))} by {n:,}" for n in PROJECTED)
            said.append(f"{one.backend}, {one.workload.name}: {values}")
        alt = f"Time of one fit over workers, projected. {'; '.join(said)}"
        scales = ("workers, log scale", "{:,.0f}".format), ("time of one fit, log scale", text.tick)
        return log_log("workers", alt, curves, scales)


def _size(one: Sharing) -> tuple[int, int]:
    return one.workload.n_samples * one.workload.n_features, one.workers
