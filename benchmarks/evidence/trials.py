"""Is a backend as fast as itself, and a slowed copy as much slower as it was slowed?"""

from __future__ import annotations

import json
import math
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from backends import registry
from benchmarks.engine import machine
from benchmarks.engine.plan import Plan
from benchmarks.engine.pool import Pool
from benchmarks.engine.process import ROOT, Process
from benchmarks.estimates import Estimate
from benchmarks.evidence.versus import FIFTY, copy, make_plan, measure, ratios
from benchmarks.problems.workloads import select

#: Backends that copy X in every fit.
_COPYING = "torch-cholesky,torch-gelsy,sklearn-linear,numpy-gelsd"

Comparisons = Annotated[int, typer.Option(help="How many comparisons.")]
Seconds = Annotated[float, typer.Option(help="Measurement time of each.")]
Replicates = Annotated[int, typer.Option(help="Processes on each side.")]
LeastSquares = Annotated[str, typer.Option(help="A least-squares workload.")]
Rounds = Annotated[int, typer.Option(help="Rounds in each way.")]


def aa(comparisons: Comparisons = 20, seconds: Seconds = 4.0, replicates: Replicates = 4) -> None:
    """Compare torch-eager with itself, by the suite and by pytest-benchmark in alternation."""
    plan = make_plan([FIFTY], ["torch-eager"], [copy()], replicates=replicates)
    ours, theirs = [], []
    for ratio in _repeat(plan, comparisons, seconds, 0.99):
        ours.append(ratio)
        theirs.append(by_pytest_benchmark(seconds))
        print(f"     pytest-benchmark {theirs[-1]:.4f}", flush=True)
    spread = _summarize("linreg-bench", [ratio.value for ratio in ours])
    _count_right(ours)
    times = _summarize("pytest-benchmark", theirs) / spread
    print(f"pytest-benchmark's spread is {times:.1f} times as large")


def power(
    comparisons: Comparisons = 20,
    seconds: Seconds = 10.0,
    percent: Annotated[float, typer.Option(help="How much extra work.")] = 5.0,
    replicates: Replicates = 4,
) -> None:
    """Compare torch-eager with copies of itself that do real extra work."""
    plan = make_plan([FIFTY], ["torch-eager"], [copy(percent / 100)], replicates=replicates)
    found = list(_repeat(plan, comparisons, seconds, 0.95))
    for word in ("slower", "cannot tell", "faster"):
        count = sum(ratio.against_one() == word for ratio in found)
        print(f"called {word} in {count} of {comparisons}")
    _summarize(f"{percent:g} % extra work in {seconds:g} s", [ratio.value for ratio in found])


def all_cores(
    comparisons: Comparisons = 20, seconds: Seconds = 10.0, replicates: Replicates = 4
) -> None:
    """Compare torch-cholesky on `tall` with itself, on all cores."""
    tall, threads = select(["tall"]), len(machine.usable_cores())
    plan = make_plan(tall, ["torch-cholesky"], [copy()], threads=threads, replicates=replicates)
    found = list(_repeat(plan, comparisons, seconds, 0.99))
    _summarize(f"torch-cholesky, {threads} threads", [ratio.value for ratio in found])
    _count_right(found)


def _repeat(plan: Plan, times: int, seconds: float, confidence: float) -> Iterator[Estimate]:
    """Ratios of the plan's one pair, each printed and from processes of its own."""
    for seed in range(times):
        [ratio] = ratios(measure(plan, seconds, seed), confidence).values()
        print(f"{seed + 1:3}: {ratio} {ratio.against_one()}", flush=True)
        yield ratio


def _summarize(name: str, ratios: Sequence[float]) -> float:
    """Print the spread of ratios; returns their standard deviation."""
    spread = statistics.stdev(ratios)
    print(f"{name}: mean {statistics.mean(ratios):.4f}, sd {100 * spread:.2f} %, ", end="")
    print(f"from {min(ratios):.4f} to {max(ratios):.4f}")
    return spread


def _count_right(ratios: Sequence[Estimate]) -> None:
    right = sum(ratio.low <= 1 <= ratio.high for ratio in ratios)
    print(f"  99 % interval holds 1 in {right} of {len(ratios)}")


def pausing(workload: LeastSquares = "ill-conditioned", rounds: Rounds = 100) -> None:
    """Time all least-squares backends with waiting workers stopped, and with them left alone."""
    usual = [b for b in registry.load().values() if not b.optional and not registry.missing(b)]
    names = [backend.name for backend in usual if "least squares" in backend.methods]
    threads = len(machine.usable_cores())
    plan = make_plan(select([workload]), names, threads=threads, replicates=1)
    stopped, alone = (_medians(plan, rounds, stop_idle=way) for way in (True, False))
    print("median time of one fit, waiting workers stopped, and left alone:")
    for process, seconds in stopped.items():
        one, other = 1e3 * seconds, 1e3 * alone[process]
        print(f"  {process.name:20} {one:9.3f} ms {other:9.3f} ms, {other / one:5.1f} times")


def processes(
    workload: LeastSquares = "tall",
    backends: Annotated[str, typer.Option(help="Names, comma-separated.")] = _COPYING,
    rounds: Rounds = 100,
    replicates: Replicates = 8,
) -> None:
    """Time processes of one program beside each other, keeping their memory and as they come."""
    plan = make_plan(select([workload]), backends.split(","), replicates=replicates)
    for words, way in (("memory is kept", True), ("as they come", False)):
        found = _medians(plan, rounds, keep_memory=way)
        print(f"median time of one fit in each of {replicates} processes, {words}:")
        for name in dict.fromkeys(process.name for process in found):
            times = sorted(1e3 * t for process, t in found.items() if process.name == name)
            spread = 100 * statistics.stdev(map(math.log, times))
            shown = " ".join(f"{t:.2f}" for t in times)
            print(f"  {name:16} {shown} ms, sd {spread:.1f} %", flush=True)


def _medians(plan: Plan, rounds: int, **kept: bool) -> dict[Process, float]:
    """The median time of one fit by process, from rounds in random order; `kept` is for `Pool`."""
    rng, times = random.Random(0), dict[Process, list[float]]()
    with (
        tempfile.TemporaryDirectory() as folder,
        Pool(Path(folder), machine.usable_cores(), **kept) as pool,
    ):
        for entry in plan.entries:
            for process in plan.processes(entry):
                pool.first_fit(replace(entry, process=process))
                times[process] = []
        for _ in range(rounds):
            for process in rng.sample(list(times), len(times)):
                times[process].append(pool.sample(process, 1))
    return {process: statistics.median(found) for process, found in times.items()}


_PYTEST = """
import numpy as np
import pytest
from backends.torch.descent import TorchEager
from benchmarks.evidence.versus import FIFTY

backend = TorchEager()
backend.start("cpu", 1)
backend.load(FIFTY.make(0).data, FIFTY.method)
backend.fit()

@pytest.mark.parametrize("side", "ab")
def test_side(benchmark, side):
    benchmark(backend.fit)
"""


def by_pytest_benchmark(seconds: float) -> float:
    """The ratio of the medians that pytest-benchmark finds for the same function, twice."""
    with tempfile.TemporaryDirectory() as folder:
        test, result = Path(folder) / "test_sides.py", Path(folder) / "result.json"
        test.write_text(_PYTEST)
        command = [sys.executable, "-m", "pytest", "-q", str(test), f"--rootdir={ROOT}"]
        command += [f"--benchmark-json={result}", f"--benchmark-max-time={seconds / 2}"]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        one, other = json.loads(result.read_text())["benchmarks"]
    return float(one["stats"]["median"] / other["stats"]["median"])
