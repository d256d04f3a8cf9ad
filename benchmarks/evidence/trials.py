"""Are differences found, and is what does not differ left alone?"""

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

from typer import Option

from benchmarks.engine import catalogue, machine
from benchmarks.engine.plan import Plan
from benchmarks.engine.pool import Pool
from benchmarks.engine.process import ROOT, Launch, Process
from benchmarks.errors import FAILED
from benchmarks.estimates import Estimate
from benchmarks.evidence.versus import FIFTY, copy, make_plan, measure, ratios
from benchmarks.problems.workloads import select
from benchmarks.runfile.header import EntryRecord

#: Backends that copy X in every fit.
_COPYING = "torch-cholesky,torch-gelsy,sklearn-linear,numpy-gelsd"
#: The backend that becomes slower, and those that do not.
_SLOWED = "torch-cholesky"
_OTHERS = ("numpy-gelsd", "scipy-*y", "torch-gelsy", "sklearn-linear")
_WORKLOADS = ("line", "500x5", "300x20", "1000x10:float64", "2000x5")

Comparisons = Annotated[int, Option(help="How many comparisons.")]
Seconds = Annotated[float, Option(help="Measurement time of each run.")]
Replicates = Annotated[int, Option(help="Processes on each side.")]
Percent = Annotated[float, Option(help="How much extra work the slower side does.")]
Limit = Annotated[float, Option(help="The slow-down that is not accepted, in percent.")]
LeastSquares = Annotated[str, Option(help="A least-squares workload.")]
Rounds = Annotated[int, Option(help="Rounds in each way.")]


def aa(comparisons: Comparisons = 20, seconds: Seconds = 4.0, replicates: Replicates = 4) -> None:
    """Compare torch-eager with itself, by the suite and by pytest-benchmark in alternation."""
    plan = make_plan([FIFTY], ["torch-eager"], [copy()], replicates=replicates)
    ours, theirs = list[Estimate](), list[float]()
    for found in _repeat(plan, comparisons, seconds, 0.99):
        ours += found.values()
        theirs.append(by_pytest_benchmark(seconds))
        print(f"     pytest-benchmark: {theirs[-1]:.4f}", flush=True)
    spread = _summarize("linreg-bench", [ratio.value for ratio in ours])
    _count_right(ours)
    times = _summarize("pytest-benchmark", theirs) / spread
    print(f"pytest-benchmark's spread is {times:.1f} times as large")


def power(
    comparisons: Comparisons = 20,
    seconds: Seconds = 10.0,
    percent: Percent = 5.0,
    replicates: Replicates = 4,
) -> None:
    """Compare torch-eager with copies of itself that do real extra work."""
    plan = make_plan([FIFTY], ["torch-eager"], [copy(percent / 100)], replicates=replicates)
    ratios = [r for found in _repeat(plan, comparisons, seconds, 0.95) for r in found.values()]
    for word in ("slower", "cannot tell", "faster"):
        count = sum(ratio.against_one() == word for ratio in ratios)
        print(f"called {word} in {count} of {comparisons}")
    _summarize(f"{percent:g} % extra work in {seconds:g} s", [ratio.value for ratio in ratios])


def all_cores(
    comparisons: Comparisons = 20, seconds: Seconds = 10.0, replicates: Replicates = 4
) -> None:
    """Compare torch-cholesky on `tall` with itself, on all cores."""
    tall, threads = select(["tall"]), len(machine.usable_cores())
    plan = make_plan(tall, ["torch-cholesky"], [copy()], threads=threads, replicates=replicates)
    ratios = [r for found in _repeat(plan, comparisons, seconds, 0.99) for r in found.values()]
    _summarize(f"torch-cholesky, {threads} threads", [ratio.value for ratio in ratios])
    _count_right(ratios)


def beside(
    times: Comparisons = 10, seconds: Seconds = 15.0, percent: Percent = 10.0, limit: Limit = 5.0
) -> None:
    """Time a backend beside itself and beside a slower version, in the same rounds."""
    again, slow = copies = copy(), copy(percent / 100)
    plan = make_plan(select(_WORKLOADS), [_SLOWED], copies, replicates=3)
    # All intervals of a run hold together at 99 %, as with `run --fail-if-slower`.
    confidence = 1 - 0.01 / (len(copies) * len(_WORKLOADS))
    called = [
        {entry.variant for entry, ratio in found.items() if ratio.low > 1 + limit / 100}
        for found in _repeat(plan, times, seconds, confidence)
    ]
    wrong, right = (sum(side.variant in found for found in called) for side in (again, slow))
    print(f"false alarms: {wrong} of {times}; {percent:g} % found: {right} of {times}")


def between(
    times: Comparisons = 10, seconds: Seconds = 60.0, percent: Percent = 10.0, limit: Limit = 5.0
) -> None:
    """Compare runs of the same code, and with runs in which one backend has become slower."""
    plan = make_plan(select(_WORKLOADS), [_SLOWED, *_OTHERS], replicates=3)
    # Without a variant: it keeps its name.
    launch = Launch(extra_work=percent / 100)
    entries = [
        replace(e, process=replace(e.process, launch=launch)) if e.backend.name == _SLOWED else e
        for e in plan.entries
    ]
    wrong = right = 0
    for _ in range(times):
        with tempfile.TemporaryDirectory() as folder:
            old, same, slower = (Path(folder) / name for name in ("old", "same", "slower"))
            for path in (old, same):
                measure(plan, seconds, folder=path)
            measure(replace(plan, entries=entries), seconds, folder=slower)
            wrong += _is_slower(old, same, limit)
            right += _is_slower(old, slower, limit)
    print(f"false alarms: {wrong} of {times}; {percent:g} % found: {right} of {times}")


def _is_slower(old: Path, new: Path, limit: float) -> bool:
    """Whether `linreg-bench compare` says so, which prints what it found."""
    command = [sys.executable, "-m", "benchmarks.cli", "compare", str(old), str(new)]
    print(f"the old run, and the one that is called {new.name}:", flush=True)
    done = subprocess.run([*command, "--fail-if-slower", f"{limit:g}%"], cwd=ROOT)
    if done.returncode not in (0, FAILED):
        done.check_returncode()
    return done.returncode == FAILED


def _repeat(
    plan: Plan, times: int, seconds: float, confidence: float
) -> Iterator[dict[EntryRecord, Estimate]]:
    """The ratios of several runs, each with another seed; prints them."""
    for seed in range(times):
        found = ratios(measure(plan, seconds, seed), confidence)
        for entry, ratio in found.items():
            print(f"{seed + 1:3}: {entry.id}: {ratio} {ratio.against_one()}", flush=True)
        yield found


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
    usual = (backend for backend in catalogue.known().values() if not backend.optional)
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
    backends: Annotated[str, Option(help="Names, comma-separated.")] = _COPYING,
    rounds: Rounds = 100,
    replicates: Replicates = 8,
) -> None:
    """Time processes of one program beside each other: forked, started anew, and as they come."""
    forked = make_plan(select([workload]), backends.split(","), replicates=replicates)
    entries = [replace(e, process=replace(e.process, forking=None)) for e in forked.entries]
    anew = replace(forked, entries=entries)
    for words, plan, kept in (
        ("forked", forked, True),
        ("started anew", anew, True),
        ("started anew, memory is not kept", anew, False),
    ):
        found = _medians(plan, rounds, keep_memory=kept)
        print(f"median time of one fit in each of {replicates} processes, {words}:")
        for name in dict.fromkeys(process.name for process in found):
            times = sorted(1e3 * t for process, t in found.items() if process.name == name)
            spread = 100 * statistics.stdev(map(math.log, times))
            shown = " ".join(f"{t:.2f}" for t in times)
            print(f"  {name:16} {shown} ms, sd {spread:.1f} %", flush=True)


def _medians(plan: Plan, rounds: int, **kept: bool) -> dict[Process, float]:
    """The median time of one fit by process, in random order; `kept` is for `Pool`."""
    cores, rng = machine.usable_cores(), random.Random(0)
    times = dict[Process, list[float]]()
    with tempfile.TemporaryDirectory() as folder, Pool(Path(folder), cores, **kept) as pool:
        for entry in plan.entries:
            for process in plan.processes(entry):
                pool.first_fit(entry, process)
                times[process] = []
        for _ in range(rounds):
            for process in rng.sample(list(times), len(times)):
                times[process].append(pool.sample(process, 1))
    return {process: statistics.median(found) for process, found in times.items()}


_PYTEST = """
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
    """The ratio of two medians that pytest-benchmark finds for one function."""
    with tempfile.TemporaryDirectory() as folder:
        test, result = Path(folder) / "test_sides.py", Path(folder) / "result.json"
        test.write_text(_PYTEST)
        command = [sys.executable, "-m", "pytest", "-q", str(test), f"--rootdir={ROOT}"]
        command += [f"--benchmark-json={result}", f"--benchmark-max-time={seconds / 2}"]
        subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
        one, other = json.loads(result.read_text())["benchmarks"]
    return float(one["stats"]["median"] / other["stats"]["median"])
