"""`make bench`: the same fits under pytest-benchmark, and under plug-ins that take its place."""

from __future__ import annotations

import json
import os
import shlex
import subprocess
import sys
import time
from pathlib import Path
from types import SimpleNamespace

import pytest

from backends import registry
from benchmarks import test_fits
from benchmarks.engine.contender import SAMPLE_SECONDS

ROOT = Path(__file__).parents[2]
#: What pytest-codspeed 5 does to pytest-benchmark, and what it accepts: `BenchmarkMarkerOptions` in
#: its config.py, `BenchmarkFixture` in its plugin.py.
_LIKE_CODSPEED = """
import pytest
from pytest_benchmark.fixture import BenchmarkFixture

class Fixture:
    __class__ = property(lambda self: BenchmarkFixture)

    def __init__(self):
        self.extra_info = {}

    def pedantic(
        self, target, args=(), kwargs={}, setup=None, teardown=None,
        rounds=1, warmup_rounds=0, iterations=1,
    ):
        return [target(*args, **kwargs) for _ in range(rounds)]

@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    config.option.benchmark_disable = True
    config.pluginmanager.set_blocked("pytest-benchmark")

def pytest_collection_modifyitems(items):
    for item in items:
        unknown = item.get_closest_marker("benchmark").kwargs.keys()
        assert unknown <= {"group", "min_time", "max_time", "max_rounds"}

@pytest.hookimpl(tryfirst=True)
def pytest_fixture_setup(fixturedef, request):
    if fixturedef.argname == "benchmark":
        fixturedef.cached_result = (Fixture(), fixturedef.cache_key(request), None)
        return fixturedef.cached_result[0]
"""


def _bench(*further: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """What `make bench` runs."""
    made = subprocess.run(
        ["make", "--no-print-directory", "-n", "bench"], cwd=ROOT, capture_output=True, text=True
    )
    words = shlex.split(made.stdout.splitlines()[-1])
    assert words[1:4] == ["-m", "pytest", "benchmarks"]
    return subprocess.run(
        [sys.executable, *words[1:], *further],
        cwd=ROOT,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
    )


def test_it_shows_a_small_table_and_what_does_better(tmp_path: Path) -> None:
    out = tmp_path / "bench.json"
    done = _bench("-k", "line/numpy-gelsd", f"--benchmark-json={out}")
    assert done.returncode == 0, done.stdout
    assert "test_fit[line/numpy-gelsd/cpu/1] PASSED" in done.stdout  # as it goes on
    heads = next(line for line in done.stdout.splitlines() if line.startswith("Name"))
    assert heads.partition(")")[2].split() == ["Median", "IQR", "Rounds"]
    assert len(heads) <= 80
    assert "`linreg-bench run` does better" in done.stdout
    [benchmark] = json.loads(out.read_text())["benchmarks"]
    place = {"workload": "line", "backend": "numpy-gelsd", "device": "cpu", "threads": 1}
    assert benchmark["params"] == place
    assert benchmark["extra_info"]["backend"] == "numpy-gelsd"
    assert 0 < benchmark["stats"]["median"] < SAMPLE_SECONDS  # of one fit, and not of a sample
    assert benchmark["stats"]["rounds"] > 1


@pytest.mark.parametrize("full", [False, True])
def test_optional_backends_come_with_full(full: bool) -> None:
    found = {backend for _, backend, _, _ in test_fits.entries(full)}
    assert found == {
        name
        for name, backend in registry.load().items()
        if (full or not backend.optional)
        and "cpu" in backend.devices
        and not registry.missing(backend)
    }


def test_its_clock_advances_by_one_fit_and_by_nothing_else() -> None:
    class Pool:
        def sample(self, process: str, fits: int) -> float:
            time.sleep(0.05)
            return 0.05 / fits / 10  # the rest is talk

    clock = test_fits.WorkerClock()
    before = clock()
    seconds = clock.run(Pool(), SimpleNamespace(process="x"), fits=5)  # type: ignore[arg-type]
    assert seconds <= clock() - before < 0.05


def test_it_runs_under_a_plugin_that_takes_the_place_of_pytest_benchmark(tmp_path: Path) -> None:
    (tmp_path / "like_codspeed.py").write_text(_LIKE_CODSPEED)
    done = _bench("-k", "line/numpy-gelsd", "-p", "like_codspeed", PYTHONPATH=str(tmp_path))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout
