"""How often does a run, as it is by default, find a difference where there is none?"""

import itertools
from pathlib import Path
from typing import Annotated

from typer import Option

from benchmarks import estimates, scatter
from benchmarks.engine.plan import BUDGET, Options
from benchmarks.evidence.versus import make_plan, measure
from benchmarks.problems.workloads import Workload, select
from benchmarks.samples import Rounds

#: What one of the six default workloads gets of the default budget, seconds.
_BUDGET = BUDGET / 6
_TWINS = Path(__file__).with_name("twins.py")


def coverage(
    runs: Annotated[int, Option(help="Runs of each workload.")] = 25,
    workloads: Annotated[str, Option(help="Least squares; comma-separated.")] = "line,tall",
    seconds: Annotated[float, Option(help="Measurement time of each run.")] = _BUDGET,
) -> None:
    """Compare ten programs that are one and the same, in new processes each time."""
    for workload in select(workloads.split(",")):
        missed = pairs = wrong = 0
        for seed in range(runs):
            entries = _samples(workload, seconds, seed)
            known = scatter.typical(entries)
            both = list(itertools.combinations(entries, 2))
            pairs += len(both)
            missed += sum(_told(*pair, estimates.CONFIDENCE, known) for pair in both)
            wrong += any(_told(*pair, estimates.simultaneous(len(entries)), known) for pair in both)
            processes = sum(len({s.replicate for s in rounds.values()}) for rounds in entries)
            print(
                f"{seed + 1:3}: {workload.name}: {len(entries)} programs in {processes} processes,"
                f" {100 * known.processes.value**0.5:.1f} % apart;"
                f" so far {100 * missed / pairs:.1f} % of {pairs} pairs missed",
                flush=True,
            )
        print(
            f"{workload.name}: {missed} of {pairs} intervals of 95 % miss 1"
            f" ({100 * missed / pairs:.1f} %); {wrong} of {runs} runs call one faster"
        )


def _told(one: Rounds, other: Rounds, confidence: float, known: scatter.Scatter) -> bool:
    """Whether two programs seem to differ, which are the same."""
    found = estimates.ratio(one, other, confidence, known)
    return found is not None and found.against_one() != "cannot tell"


def _samples(workload: Workload, seconds: float, seed: int) -> list[Rounds]:
    """The samples of all twins in a run of one workload."""
    made = make_plan([workload], ["twin-*"], threads=None, replicates=None, plugins=[_TWINS])
    as_usual = Options.precision
    done = measure(made, seconds, seed, precision=as_usual, plugins=(_TWINS,), wait=True)
    return [rounds for entry in done.header.entries if (rounds := done.rounds(entry.id))]
