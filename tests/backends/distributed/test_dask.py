"""Fits that two workers of a Dask cluster share: right, bound, stopped, and lost with a reason."""

from __future__ import annotations

import signal
import threading
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import psutil
import pytest

from backends import registry
from backends.base import LeastSquares
from backends.distributed.dask import DaskGram
from benchmarks.engine import catalogue, machine
from benchmarks.engine.controlled import examine
from benchmarks.engine.plan import Entry
from benchmarks.engine.pool import Pool
from benchmarks.engine.process import Process
from benchmarks.engine.worker import WorkerFailed
from benchmarks.problems.problem import Synthetic
from benchmarks.problems.workloads import WORKLOADS, Workload

NAMES = ["dask-lstsq", "dask-gram"]
PLUGIN = Path(__file__).parents[2] / "plugins" / "dask_rows.py"
KNOWN = catalogue.known([PLUGIN])
SMALL = Workload("small", "", Synthetic(500, 4, sigma=0.1, dtype="float64"), LeastSquares())
LONG = Workload("long", "", Synthetic(200_000, 10, sigma=0.1), LeastSquares())
GONE = "worker 2 of 2 has ended in the middle of its work"

MISSING = registry.missing(DaskGram)
pytestmark = pytest.mark.skipif(bool(MISSING), reason=MISSING)


def random_problem(seed: int) -> Workload:
    """Of any shape that has one solution."""
    rng = np.random.default_rng(seed)
    p = int(rng.integers(1, 30))
    n = int(rng.integers(p + 2, 400))
    recipe = Synthetic(n, p, sigma=0.1, dtype=("float32", "float64")[seed % 2])
    return Workload(f"random-{seed}", "", recipe, LeastSquares())


def entry(workload: Workload, name: str) -> Entry:
    process = Process(name, "cpu", threads=2, workers=2, plugin=KNOWN[name].plugin)
    return Entry(workload, KNOWN[name], process)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """A cluster of two workers for each backend."""
    with Pool(tmp_path_factory.mktemp("dask"), machine.usable_cores(), patience=60) as pool:
        yield pool


def dask_workers(pool: Pool, one: Entry) -> list[psutil.Process]:
    """Those that compute, in the order of their starts."""
    children = psutil.Process(pool.workers[one.process].pid).children()
    found = [child for child in children if "spawn_main" in " ".join(child.cmdline())]
    return sorted(found, key=psutil.Process.create_time)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize(
    "workload",
    [w for w in WORKLOADS.values() if w.group == "default" and w.method == LeastSquares()]
    + [WORKLOADS["ill-conditioned"], *map(random_problem, range(20))],
    ids=lambda workload: workload.name,
)
def test_the_fit_of_two_workers_is_right(pool: Pool, name: str, workload: Workload) -> None:
    first = pool.first_fit(entry(workload, name))
    assert first.reason == ""
    said = first.answer.description
    assert (said["workers"], said["threads"], said["chunks"]) == (2, 2, 2)


@pytest.mark.parametrize("name", NAMES)
def test_its_samples_are_those_of_the_work(pool: Pool, name: str) -> None:
    one = entry(Workload("samples", "", Synthetic(20_000, 10, sigma=0.1), LeastSquares()), name)
    assert pool.first_fit(one).reason == ""
    times = [pool.sample(one.process, 3) for _ in range(5)]
    watch = pool.watched(one.process)
    assert watch is not None
    assert watch.reason() == ""
    assert examine(pool, one, one.process, min(times)) == ""
    verdict, _ = pool.last_fit(one)
    assert verdict.passed


def test_dask_workers_are_bound_and_stopped_like_their_worker(pool: Pool) -> None:
    one = entry(SMALL, "dask-gram")
    cores = pool.first_fit(one).cores
    processes = [psutil.Process(pool.workers[one.process].pid), *dask_workers(pool, one)]
    assert len(processes) == 3
    assert all(process.cpu_affinity() == cores for process in processes)
    ends = time.monotonic() + 5
    while {process.status() for process in processes} != {psutil.STATUS_STOPPED}:
        assert time.monotonic() < ends


def test_workers_say_how_long_they_take_to_add_up(pool: Pool) -> None:
    one = entry(SMALL, "dask-gram")
    pool.first_fit(one)
    found = pool.workers[one.process].ask("exchange", n_bytes=[8, 1 << 24])
    small, large = found.seconds
    assert 0 < small < large


@pytest.mark.slow
def test_a_dask_worker_that_was_stopped_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dask would drop it, and its rows, after five seconds at the earliest."""
    monkeypatch.setenv("DASK_DISTRIBUTED__SCHEDULER__WORKER_TTL", "300 ms")
    one = entry(LONG, "dask-lstsq")
    with Pool(tmp_path, machine.usable_cores()) as pool:
        assert pool.first_fit(one).reason == ""
        worker, began = dask_workers(pool, one)[1], time.monotonic()
        threading.Timer(0.1, worker.suspend).start()
        threading.Timer(8.1, worker.resume).start()
        pool.sample(one.process, 2)
        assert time.monotonic() - began > 8
        verdict, _ = pool.last_fit(one)
    assert verdict.passed


@pytest.mark.parametrize(("name", "after"), [("dask-gram", 0.0), ("dask-lstsq", 0.1)])
def test_a_dask_worker_that_is_gone_fails_the_fit_and_is_named(
    tmp_path: Path, name: str, after: float
) -> None:
    """Whether it is killed between fits or in the middle of one."""
    one = entry(LONG, name)
    with Pool(tmp_path, machine.usable_cores()) as pool:
        assert pool.first_fit(one).reason == ""
        killing = threading.Timer(after, dask_workers(pool, one)[1].send_signal, [signal.SIGKILL])
        killing.start()
        if not after:
            killing.join()
        with pytest.raises(WorkerFailed, match=GONE):
            pool.sample(one.process, 200)


@pytest.mark.slow
def test_no_other_takes_the_place_of_a_dask_worker_that_is_gone(tmp_path: Path) -> None:
    one = entry(SMALL, "dask-gram")
    with Pool(tmp_path, machine.usable_cores()) as pool:
        assert pool.first_fit(one).reason == ""
        dask_workers(pool, one)[1].kill()
        pool.workers[one.process].ask("changed", seconds=5.0)  # Dask has time for it
        with pytest.raises(WorkerFailed, match=GONE):
            pool.first_fit(one)


def test_other_rows_are_found_out(tmp_path: Path) -> None:
    reason = "worker 2 of 2 works on other rows than it was sent"
    with Pool(tmp_path, machine.usable_cores()) as pool, pytest.raises(WorkerFailed, match=reason):
        pool.first_fit(entry(SMALL, "dask-other-rows"))
