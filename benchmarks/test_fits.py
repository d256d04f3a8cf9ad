"""The pytest-benchmark suite: `pytest benchmarks`; with `--full`, optional backends as well.

Each backend fits in its own worker, as in `linreg-bench run`, so that no two frameworks share a
process. What pytest-benchmark shows is the time inside the worker: its timer takes off the
messages, and a round is a sample of several short fits, as it is there. A fit that does not pass
the gate fails its test and has no timing.

pytest-benchmark times one test after the other, and no hook of it can interleave them.
"""

import time
from collections.abc import Iterator
from functools import cache

import psutil
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

from benchmarks.engine import catalogue, choice, machine, plan
from benchmarks.engine.contender import fits_of_a_sample
from benchmarks.engine.plan import Entry
from benchmarks.engine.pool import Pool
from benchmarks.engine.worker import WorkerFailed
from benchmarks.problems.workloads import DEFAULT, select

#: How long the rounds of an entry take, seconds, and how many there are; a fit that is longer has
#: one round.
ROUNDS_SECONDS, FEWEST_ROUNDS, MOST_ROUNDS = 1.0, 5, 50


class WorkerClock:
    """A clock that stands still while this process and a worker merely talk."""

    def __init__(self) -> None:
        self.talk = 0.0  # seconds spent outside of fits

    def __call__(self) -> float:
        """Seconds, from an arbitrary start."""
        return time.perf_counter() - self.talk

    def run(self, pool: Pool, entry: Entry, fits: int = 1) -> float:
        """Some fits in the worker; the clock advances by the time of one, which is returned."""
        began = time.perf_counter()
        seconds = pool.sample(entry.process, fits)
        self.talk += time.perf_counter() - began - seconds
        return seconds


CLOCK = WorkerClock()

#: Workload, backend, device and threads: parameters, so that `pytest-benchmark compare` can group
#: by them, as it can on our exports.
Place = tuple[str, str, str, int]


@cache
def entries(full: bool) -> dict[Place, Entry]:
    """The entries of the default workloads on the CPU and the first GPU."""
    n_gpus = len(machine.gpus())
    made = plan.make(
        select(DEFAULT),
        choice.choose_backends([], catalogue.known(), full),
        choice.choose_devices([], n_gpus),
        n_cores=len(machine.usable_cores()),
        n_gpus=n_gpus,
        threads=None,
        available_bytes=psutil.virtual_memory().available,
    )
    return {
        (
            entry.workload.name,
            entry.backend.name,
            entry.process.device,
            entry.process.threads,
        ): entry
        for entry in made.entries
    }


def _has_our_clock(config: pytest.Config) -> bool:
    """CodSpeed's plug-in blocks pytest-benchmark; it has a clock of its own and refuses others."""
    return config.pluginmanager.has_plugin("pytest-benchmark")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    clock = {"timer": CLOCK} if _has_our_clock(metafunc.config) else {}
    cases = [
        pytest.param(*place, id=entry.id, marks=pytest.mark.benchmark(group=place[0], **clock))
        for place, entry in entries(metafunc.config.getoption("full")).items()
    ]
    metafunc.parametrize(("workload", "backend", "device", "threads"), cases)


@pytest.fixture
def entry(
    request: pytest.FixtureRequest, workload: str, backend: str, device: str, threads: int
) -> Entry:
    return entries(request.config.getoption("full"))[workload, backend, device, threads]


@pytest.fixture(scope="session")
def pool(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Pool]:
    with Pool(tmp_path_factory.mktemp("workers"), machine.usable_cores()) as pool:
        yield pool


def test_fit(
    entry: Entry, pool: Pool, benchmark: BenchmarkFixture, request: pytest.FixtureRequest
) -> None:
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
    record = entry.record()
    named = {"backend": record.name, "framework": record.framework, "plugin": record.plugin}
    benchmark.extra_info.update(first.answer.description | named)
    seconds = CLOCK.run(pool, entry)
    # Another clock would take the time of all fits for that of one.
    fits = fits_of_a_sample(seconds, entry.process.threads) if _has_our_clock(request.config) else 1
    rounds = 1
    if seconds < ROUNDS_SECONDS:
        wanted = round(ROUNDS_SECONDS / (fits * seconds))
        rounds = min(max(wanted, FEWEST_ROUNDS), MOST_ROUNDS)
    benchmark.pedantic(CLOCK.run, args=(pool, entry, fits), rounds=rounds)
