"""How long does it take to know who is first: as the schedule has it, and with equal shares?"""

import random
import statistics
import tempfile
import time
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Annotated

from typer import Option

from benchmarks import estimates, samples, scatter
from benchmarks.engine import machine
from benchmarks.engine.contender import Contender
from benchmarks.engine.first_fit import FirstFit
from benchmarks.engine.plan import BUDGET, Entry
from benchmarks.engine.pool import Pool
from benchmarks.engine.schedule import Schedule
from benchmarks.engine.worker import WorkerFailed
from benchmarks.evidence.versus import make_plan
from benchmarks.problems.workloads import DEFAULT, select

#: The precision with which the schedule stops; None: it gives equal shares, and never stops.
_WAYS: dict[str, float | None] = {"as it is": 0.01, "equal shares": None}


def decision(
    times: Annotated[int, Option(help="Races of each workload, each way.")] = 10,
    workloads: Annotated[str, Option(help="Names and groups, comma-separated.")] = "",
    seconds: Annotated[float, Option(help="After which a race is given up.")] = BUDGET / 6,
) -> None:
    """Time the default backends of the default workloads until the first place is certain.

    A race that is given up counts with the seconds that it took until then.
    """
    cores, rng = machine.usable_cores(), random.Random(0)
    chosen = select(workloads.split(",") if workloads else DEFAULT)
    made = make_plan(chosen, [], threads=None, replicates=1)
    shares, total = [], {way: [0.0] * times for way in _WAYS}
    with (
        tempfile.TemporaryDirectory() as folder,
        Pool(Path(folder), cores, affordable=60) as pool,
    ):
        for workload in chosen:
            entries = [entry for entry in made.entries if entry.workload is workload]
            right = dict(_opened(pool, entries))
            took: dict[str, list[float]] = {way: [] for way in _WAYS}
            for number in range(times):
                for way in rng.sample(list(_WAYS), len(_WAYS)):
                    took[way].append(_race(pool, right, _WAYS[way], seconds, rng))
                    total[way][number] += took[way][-1]
            middles = [statistics.median(found) for found in took.values()]
            shares.append(middles[0] / middles[1])
            shown = ", ".join(f"{m:.2f} s {way}" for m, way in zip(middles, took, strict=True))
            print(f"{workload.name}: {shown}: {shares[-1]:.2f}", flush=True)
    print(f"median of the workloads: {statistics.median(shares):.2f} of the time")
    ours, theirs = (statistics.median(total[way]) for way in _WAYS)
    print(f"all first places: {ours:.1f} s, and {theirs:.1f} s: {ours / theirs:.2f} of the time")


def _opened(pool: Pool, entries: Sequence[Entry]) -> Iterable[tuple[Entry, FirstFit]]:
    """The entries that are right, and their first fits."""
    for entry in entries:
        try:
            first = pool.first_fit(entry)
        except WorkerFailed:
            continue
        if not first.reason:
            yield entry, first


def _race(
    pool: Pool,
    entries: dict[Entry, FirstFit],
    precision: float | None,
    most: float,
    rng: random.Random,
) -> float:
    """Seconds until it is certain who is first; `most` if it never is."""
    by_id = {entry.id: entry for entry in entries}
    contenders = [
        Contender(entry.id, first.fit_seconds, second=first.sample(0))
        for entry, first in entries.items()
    ]
    began = time.perf_counter()
    schedule = Schedule(contenders, most, began + most, rng, precision=precision)
    looked = 0.0
    for number, turn in enumerate(schedule.turns()):
        if turn.seconds is None:
            before = time.perf_counter()
            turn.seconds = pool.sample(by_id[turn.entry].process, turn.fits, turn.expected)
            turn.spent = time.perf_counter() - before
        if number % len(entries) == 0:
            before = time.perf_counter()
            decided = _is_decided(contenders)
            looked += time.perf_counter() - before
            if decided:
                return time.perf_counter() - began - looked
    return most


def _is_decided(contenders: Sequence[Contender]) -> bool:
    """Whether one is certainly faster than all others, which all have samples."""
    if not all(contender.rounds for contender in contenders):
        return False
    leader, *others = sorted(contenders, key=lambda one: samples.middle(one.rounds))
    known = scatter.typical([one.rounds for one in contenders], scatter.PRIOR)
    confidence = estimates.simultaneous(len(contenders))
    ratios = [estimates.ratio(leader.rounds, one.rounds, confidence, known) for one in others]
    return all(ratio is not None and ratio.against_one() == "faster" for ratio in ratios)
