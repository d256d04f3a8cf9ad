"""Fits that two ranks share: right, bound, stopped, and lost with a reason."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from backends.base import LeastSquares
from benchmarks.engine import catalogue, machine
from benchmarks.engine.controlled import examine
from benchmarks.engine.plan import Entry
from benchmarks.engine.pool import Pool
from benchmarks.engine.process import Process
from benchmarks.engine.worker import WorkerFailed
from benchmarks.problems.problem import Synthetic
from benchmarks.problems.workloads import WORKLOADS, Workload

NAMES = ["torch-distributed-gram", "torch-distributed-qr"]
PLUGIN = Path(__file__).parents[2] / "plugins" / "ranks.py"
KNOWN = catalogue.known()
SMALL = Workload("small", "", Synthetic(500, 4, sigma=0.1, dtype="float64"), LeastSquares())


def random_problem(seed: int) -> Workload:
    """Of any shape that has one solution."""
    rng = np.random.default_rng(seed)
    p = int(rng.integers(1, 30))
    n = int(rng.integers(p + 2, 400))
    dtype = ("float32", "float64")[seed % 2]
    recipe = Synthetic(n, p, sigma=0.1, dtype=dtype)
    return Workload(f"random-{seed}", "", recipe, LeastSquares())


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """Workers with two ranks, one for each backend."""
    with Pool(tmp_path_factory.mktemp("ranks"), machine.usable_cores(), patience=60) as pool:
        for process, answer in pool.start(map(process_of, NAMES)):
            assert not isinstance(answer, WorkerFailed), f"{process}: {answer}"
        yield pool


def process_of(name: str) -> Process:
    return Process(name, "cpu", threads=2, workers=2)


def entry(workload: Workload, name: str) -> Entry:
    return Entry(workload, KNOWN[name], process_of(name))


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "workload",
    [w for w in WORKLOADS.values() if w.group == "default" and w.method == LeastSquares()]
    + [random_problem(seed) for seed in range(20)],
    ids=lambda workload: workload.name,
)
def test_the_fit_of_two_ranks_is_right(pool: Pool, name: str, workload: Workload) -> None:
    first = pool.first_fit(entry(workload, name))
    assert first.reason == ""
    assert (first.answer.description["workers"], first.answer.description["threads"]) == (2, 2)


@pytest.mark.parametrize("name", NAMES)
def test_its_samples_are_those_of_the_work(pool: Pool, name: str) -> None:
    workload = Workload("samples", "", Synthetic(20_000, 10, sigma=0.1), LeastSquares())
    one = entry(workload, name)
    assert pool.first_fit(one).reason == ""
    times = [pool.sample(one.process, 5) for _ in range(5)]
    watch = pool.watched(one.process)
    assert watch is not None
    assert watch.reason() == ""
    assert examine(pool, one, one.process, min(times)) == ""
    verdict, _ = pool.last_fit(one)
    assert verdict.passed


def test_all_ranks_are_bound_and_stopped_like_their_worker(pool: Pool) -> None:
    one = entry(SMALL, NAMES[0])
    cores = pool.first_fit(one).cores
    worker = psutil.Process(pool.workers[one.process].pid)
    (other,) = worker.children()
    assert worker.cpu_affinity() == other.cpu_affinity() == cores
    ends = time.monotonic() + 5
    while {worker.status(), other.status()} != {psutil.STATUS_STOPPED}:
        assert time.monotonic() < ends


def test_workers_say_how_long_they_take_to_add_up(pool: Pool) -> None:
    one = entry(SMALL, NAMES[0])
    pool.first_fit(one)
    found = pool.workers[one.process].ask("exchange", n_bytes=[8, 1 << 22])
    small, large = found.seconds
    assert 0 < small < large


def test_a_rank_that_is_gone_fails_the_fit_and_is_named(tmp_path: Path) -> None:
    one = entry(SMALL, NAMES[1])
    with Pool(tmp_path, machine.usable_cores()) as pool:
        assert pool.first_fit(one).reason == ""
        (other,) = psutil.Process(pool.workers[one.process].pid).children()
        os.kill(other.pid, signal.SIGKILL)
        with pytest.raises(WorkerFailed, match="rank 1 of 2 was ended by SIGKILL"):
            pool.sample(one.process, 1)


@pytest.mark.parametrize(
    ("backend", "reason"),
    [
        ("ranks-other-rows", "rank 1 of 2 works on other rows than it was given"),
        ("ranks-other-answer", "rank 1 of 2 has another answer than rank 0"),
        ("ranks-leaves", "rank 1 of 2: ValueError: does not feel like it"),
    ],
)
def test_a_rank_that_does_not_do_its_part_is_named(
    tmp_path: Path, backend: str, reason: str
) -> None:
    with Pool(tmp_path, machine.usable_cores()) as pool, pytest.raises(WorkerFailed, match=reason):
        pool.first_fit(plugin_entry(backend, 2))


@pytest.mark.slow
def test_a_rank_that_hangs_is_named(tmp_path: Path) -> None:
    """All of the others wait in vain, and all but that one say so."""
    with Pool(tmp_path, machine.usable_cores()) as pool:
        one = plugin_entry("ranks-hangs", 3)
        pool.first_fit(one)
        with pytest.raises(WorkerFailed, match="rank 1 of 3 does not answer"):
            pool.sample(one.process, 1)


def plugin_entry(backend: str, workers: int) -> Entry:
    described = catalogue.known([PLUGIN])[backend]
    process = Process(backend, "cpu", workers, workers=workers, plugin=described.plugin)
    return Entry(SMALL, described, process)
