"""Is a backend as fast as itself, and a slowed copy as much slower as it was slowed?"""

from __future__ import annotations

import json
import math
import random
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from backends import registry
from backends.base import GradientDescent
from benchmarks.engine import machine
from benchmarks.engine.plan import Entry, choose_backends
from benchmarks.engine.pool import Pool
from benchmarks.engine.process import ROOT, Home, Variant
from benchmarks.evidence.versus import AGAIN, Versus, versus
from benchmarks.problems.workloads import WORKLOADS, Workload

_TUTORIAL = WORKLOADS["tutorial"]
assert isinstance(_TUTORIAL.method, GradientDescent)
#: The first 50 epochs of the tutorial: about 15 ms of torch.
FIFTY = replace(_TUTORIAL, name="tutorial-50", method=replace(_TUTORIAL.method, epochs=50))
#: Backends that copy X in every fit.
_COPYING = "torch-cholesky,torch-gelsy,sklearn-linear,numpy-gelsd"

Comparisons = Annotated[int, typer.Option(help="How many comparisons.")]
Seconds = Annotated[float, typer.Option(help="Measurement time of each.")]
Replicates = Annotated[int, typer.Option(help="Processes on each side.")]


def compare(
    workload: Workload,
    backend: str,
    variants: Sequence[Variant],
    seconds: float,
    threads: int,
    replicates: int,
    seed: int,
) -> Versus:
    """One comparison on the cores of this machine, with fresh processes."""
    return versus(
        workload,
        registry.load()[backend],
        variants,
        seconds,
        cores=machine.usable_cores(),
        threads=threads,
        replicates=replicates,
        seed=seed,
    )


def aa(comparisons: Comparisons = 20, seconds: Seconds = 4.0, replicates: Replicates = 4) -> None:
    """Compare torch-eager with itself, by the suite and by pytest-benchmark in alternation."""
    ours, theirs = [], []
    for number in range(comparisons):
        found = compare(FIFTY, "torch-eager", [AGAIN], seconds, 1, replicates, number)
        ours.append(found.ratio("again", 0.99))
        theirs.append(by_pytest_benchmark(seconds))
        print(f"{number + 1:3}: {ours[-1]}   pytest-benchmark {theirs[-1]:.4f}", flush=True)
    _summary("linreg-bench", [e.value for e in ours])
    print(f"  99 % interval holds 1 in {sum(e.low <= 1 <= e.high for e in ours)} of {comparisons}")
    _summary("pytest-benchmark", theirs)
    spread = statistics.stdev(theirs) / statistics.stdev([e.value for e in ours])
    print(f"pytest-benchmark's spread is {spread:.1f} times as large")


def power(
    comparisons: Comparisons = 20,
    seconds: Seconds = 10.0,
    percent: Annotated[float, typer.Option(help="How much extra work.")] = 5.0,
    replicates: Replicates = 4,
) -> None:
    """Compare torch-eager with copies of itself that do real extra work."""
    slow = Variant("slow", extra_work=percent / 100)
    found = []
    for number in range(comparisons):
        result = compare(FIFTY, "torch-eager", [slow], seconds, 1, replicates, number)
        found.append(result.ratio("slow", 0.95))
        print(f"{number + 1:3}: {found[-1]} {found[-1].against_one()}", flush=True)
    for word in ("slower", "cannot tell", "faster"):
        count = sum(estimate.against_one() == word for estimate in found)
        print(f"called {word} in {count} of {comparisons}")
    _summary(f"{percent:g} % extra work in {seconds:g} s", [e.value for e in found])


def all_cores(
    comparisons: Comparisons = 20, seconds: Seconds = 10.0, replicates: Replicates = 4
) -> None:
    """Compare torch-cholesky on `tall` with itself, on all cores."""
    threads, found = len(machine.usable_cores()), []
    for number in range(comparisons):
        result = compare(
            WORKLOADS["tall"], "torch-cholesky", [AGAIN], seconds, threads, replicates, number
        )
        found.append(result.ratio("again", 0.99))
        print(f"{number + 1:3}: {found[-1]}", flush=True)
    _summary(f"torch-cholesky, {threads} threads", [e.value for e in found])
    print(f"  99 % interval holds 1 in {sum(e.low <= 1 <= e.high for e in found)} of {comparisons}")


def pausing(
    workload: Annotated[str, typer.Option(help="A least-squares workload.")] = "ill-conditioned",
    rounds: Annotated[int, typer.Option(help="Rounds in each way.")] = 100,
) -> None:
    """Time all least-squares backends with waiting workers stopped, and with them left alone."""
    threads = len(machine.usable_cores())
    usual = [b for b in choose_backends([], registry.load()) if "least squares" in b.methods]
    chosen = [backend for backend in usual if not registry.missing(backend)]
    entries = [Entry(WORKLOADS[workload], b, Home(b.name, "cpu", threads)) for b in chosen]
    stopped, alone = (_medians(entries, rounds, stop_idle=way) for way in (True, False))
    print("median time of one fit, waiting workers stopped, and left alone:")
    for home in stopped:
        one, other = 1e3 * stopped[home], 1e3 * alone[home]
        print(f"  {home.name:20} {one:9.3f} ms {other:9.3f} ms, {other / one:5.1f} times")


def processes(
    workload: Annotated[str, typer.Option(help="A least-squares workload.")] = "tall",
    backends: Annotated[str, typer.Option(help="Names, with commas between.")] = _COPYING,
    rounds: Annotated[int, typer.Option(help="Rounds in each way.")] = 100,
    replicates: Replicates = 8,
) -> None:
    """Time processes of one program beside each other, keeping their memory and as they come."""
    chosen = choose_backends(backends.split(","), registry.load())
    entries = [
        Entry(WORKLOADS[workload], b, Home(b.name, "cpu", 1, replicate=number))
        for b in chosen
        for number in range(replicates)
    ]
    for words, way in (("memory is kept", True), ("as they come", False)):
        found = _medians(entries, rounds, keep_memory=way)
        print(f"median time of one fit in each of {replicates} processes, {words}:")
        for backend in chosen:
            times = sorted(1e3 * t for home, t in found.items() if home.backend == backend.name)
            spread = 100 * statistics.stdev(map(math.log, times))
            shown = " ".join(f"{t:.2f}" for t in times)
            print(f"  {backend.name:16} {shown} ms, sd {spread:.1f} %", flush=True)


def _medians(entries: Sequence[Entry], rounds: int, **kept: bool) -> dict[Home, float]:
    """The median time of one fit by home, from rounds in random order; `kept` is for `Pool`."""
    rng, times = random.Random(0), {entry.home: list[float]() for entry in entries}
    with (
        tempfile.TemporaryDirectory() as folder,
        Pool(Path(folder), machine.usable_cores(), **kept) as pool,
    ):
        for entry in entries:
            pool.first_fit(entry)
        for _ in range(rounds):
            for home in rng.sample(list(times), len(times)):
                times[home].append(pool.sample(home, 1))
    return {home: statistics.median(found) for home, found in times.items()}


_PYTEST = """
import numpy as np
import pytest
from backends.torch.descent import TorchEager
from benchmarks.evidence.trials import FIFTY

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


def _summary(name: str, ratios: Sequence[float]) -> None:
    print(
        f"{name}: mean {statistics.mean(ratios):.4f}, sd {100 * statistics.stdev(ratios):.2f} %, "
        f"from {min(ratios):.4f} to {max(ratios):.4f}"
    )
