"""Fits by Spark, where it is installed; its Java takes many seconds to start."""

from __future__ import annotations

import shutil
from collections.abc import Iterator

import numpy as np
import psutil
import pytest

from backends import registry
from backends.base import LeastSquares, Unavailable
from backends.distributed.spark import SparkLinear
from benchmarks.engine import catalogue, machine
from benchmarks.engine.plan import Entry
from benchmarks.engine.pool import Pool
from benchmarks.engine.process import Process
from benchmarks.engine.worker import WorkerFailed
from benchmarks.problems.problem import Synthetic
from benchmarks.problems.workloads import Workload

MISSING = registry.missing(SparkLinear) or ("" if shutil.which("java") else "there is no Java")
needs_spark = pytest.mark.skipif(bool(MISSING), reason=MISSING)
PROCESS = Process("spark-linear", "cpu", threads=2)


def random_problem(seed: int) -> Entry:
    """Of any shape that has one solution."""
    rng = np.random.default_rng(seed)
    p = int(rng.integers(1, 30))
    n = int(rng.integers(p + 2, 400))
    recipe = Synthetic(n, p, sigma=0.1, dtype=("float32", "float64")[seed % 2])
    workload = Workload(f"random-{seed}", "", recipe, LeastSquares())
    return Entry(workload, catalogue.known()[PROCESS.backend], PROCESS)


def test_without_java_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "")
    monkeypatch.delenv("JAVA_HOME", raising=False)
    with pytest.raises(Unavailable, match="needs Java 17 or later, and finds none: install"):
        SparkLinear().start("cpu", 1)


def test_several_workers_are_refused() -> None:
    several = SparkLinear()
    several.workers = 2
    with pytest.raises(Unavailable, match="--workers 1"):
        several.start("cpu", 2)


@pytest.fixture(scope="module")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    """With one worker, and one Java."""
    with Pool(tmp_path_factory.mktemp("spark"), machine.usable_cores(), patience=120) as pool:
        yield pool


@needs_spark
@pytest.mark.slow
@pytest.mark.parametrize("seed", range(20))
def test_its_fit_is_right(pool: Pool, seed: int) -> None:
    first = pool.first_fit(random_problem(seed))
    assert first.reason == ""
    said = first.answer.description
    assert (said["workers"], said["threads"], said["partitions"]) == (1, 2, 2)


@needs_spark
@pytest.mark.slow
def test_a_java_that_is_gone_fails_the_fit_and_is_named(pool: Pool) -> None:
    """It comes last: the worker cannot fit any more."""
    assert pool.first_fit(random_problem(0)).reason == ""
    (java,) = psutil.Process(pool.workers[PROCESS].pid).children()
    java.kill()
    with pytest.raises(WorkerFailed, match="Java has ended in the middle of its work"):
        pool.sample(PROCESS, 1)
