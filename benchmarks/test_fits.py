"""The pytest-benchmark suite: `pytest benchmarks`.

Each backend fits in its own worker, as in `linreg-bench run`, so that no two frameworks share a
process. What pytest-benchmark shows is the time inside the worker: its timer takes off the
messages. A fit that does not pass the gate fails its test and has no timing.
"""

import time
from collections.abc import Iterator

import psutil
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.engine import catalogue, machine, plan
from benchmarks.engine.plan import Entry
from benchmarks.engine.pool import Pool
from benchmarks.engine.worker import WorkerFailed
from benchmarks.problems.workloads import DEFAULT, select

#: A fit longer than this is timed in one round only, seconds.
LONG = 1.0


class WorkerClock:
    """A clock that stands still while this process and a worker merely talk."""

    def __init__(self) -> None:
        self.talk = 0.0  # seconds spent outside of fits

    def __call__(self) -> float:
        """Seconds, from an arbitrary start."""
        return time.perf_counter() - self.talk

    def run(self, pool: Pool, entry: Entry) -> float:
        """One fit in the worker; the clock advances by its time, which is returned."""
        began = time.perf_counter()
        seconds = pool.sample(entry.process, 1)
        self.talk += time.perf_counter() - began - seconds
        return seconds


CLOCK = WorkerClock()


def entries() -> list[Entry]:
    """All entries of the default workloads on the CPU and the first GPU."""
    n_gpus = len(machine.gpus())
    return plan.make(
        select(DEFAULT),
        list(catalogue.known().values()),
        plan.choose_devices([], n_gpus),
        n_cores=len(machine.usable_cores()),
        n_gpus=n_gpus,
        threads=None,
        available_bytes=psutil.virtual_memory().available,
    ).entries


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    with Pool(tmp_path_factory.mktemp("workers"), machine.usable_cores()) as pool:
        yield pool


@pytest.mark.parametrize(
    "entry",
    [
        pytest.param(e, id=e.id, marks=pytest.mark.benchmark(group=e.workload.name, timer=CLOCK))
        for e in entries()
    ],
)
def test_fit(entry: Entry, pool: Pool, benchmark: BenchmarkFixture) -> None:
    try:
        first = pool.first_fit(entry)
    except WorkerFailed as failure:
        if failure.kind == "unavailable":
            pytest.skip(str(failure))
        pytest.fail(f"{entry.id}: {failure}")
    if not first.verdict.judged:
        pytest.skip(first.reason)
    if first.reason and entry.known_failure:
        pytest.xfail(f"{first.reason}; known: {entry.known_failure}")
    if first.reason:
        pytest.fail(f"{entry.id}: {first.reason}")
    benchmark.extra_info.update(first.answer.description)
    warm = CLOCK.run(pool, entry)
    if warm > LONG:
        benchmark.pedantic(CLOCK.run, args=(pool, entry), rounds=1)
    else:
        benchmark(CLOCK.run, pool, entry)
