"""First fits at the same time: each on cores of its own, and afterwards all on the same ones."""

from __future__ import annotations

import os
from pathlib import Path

import psutil
import pytest
from benchmarks.engine.options import Options

from backends import registry
from benchmarks import runfile
from benchmarks.engine import machine
from benchmarks.engine.plan import Entry, Plan
from benchmarks.engine.pool import FirstFit, Pool
from benchmarks.engine.process import Home
from benchmarks.engine.run import run
from benchmarks.engine.worker import WorkerFailed
from benchmarks.problems.workloads import Workload, select
from reports.terminal.progress import Progress

#: Backends that write down when they fit, and on which cores. Two of them wait for each other.
SOURCE = """
import os, time
from pathlib import Path
from backends.numpy import NumpyGelsd

HERE = Path(__file__).parent

class Diary(NumpyGelsd):
    name = "diary-a"

    def fit(self):
        with (HERE / "diary").open("a") as file:
            print("begin", self.name, file=file)
        self.meet()
        result = super().fit()
        with (HERE / "diary").open("a") as file:
            print("end", self.name, file=file)
        return result

    def meet(self):
        time.sleep(0.2)  # long enough for another one to begin meanwhile

    def describe(self):
        return super().describe() | {"allowed": sorted(os.sched_getaffinity(0))}

class B(Diary):
    name = "diary-b"

class MeetsA(Diary):
    name = "meets-a"
    other = "meets-b"

    def meet(self):
        (HERE / self.name).touch()
        ends = time.monotonic() + 20
        while not (HERE / self.other).exists():
            if time.monotonic() > ends:
                raise RuntimeError("nobody came")
            time.sleep(0.01)

class MeetsB(MeetsA):
    name, other = "meets-b", "meets-a"

class Breaks(NumpyGelsd):
    name = "breaks"

    def fit(self):
        raise ValueError("broken")
"""

CORES = machine.usable_cores()
[FEW] = select(["50x2"])
[MANY] = select(["200000x2"])
two_cores = pytest.mark.skipif(
    len(CORES) < 2 or not hasattr(os, "sched_getaffinity"), reason="needs two cores"
)


@pytest.fixture
def plugin(tmp_path: Path) -> Path:
    path = tmp_path / "diary.py"
    path.write_text(SOURCE)
    return path


def entries(plugin: Path, workload: Workload, *names: str, threads: int = 1) -> list[Entry]:
    known = registry.load((plugin,))
    return [Entry(workload, known[name], Home(name, "cpu", threads)) for name in names]


def first_fits(
    plugin: Path, cores: list[int], made: list[Entry], at_once: int
) -> dict[str, FirstFit | WorkerFailed]:
    with Pool(plugin.parent, cores, plugins=[plugin]) as pool:
        for _, answer in pool.start([entry.home for entry in made]):
            assert not isinstance(answer, WorkerFailed), answer
        found = {}
        for entry, home, first in pool.first_fits(((e, e.home) for e in made), at_once):
            assert entry.home == home
            found[home.name] = first
        for entry in made:
            first, process = found[entry.home.name], pool.workers[entry.home].process
            if isinstance(first, FirstFit) and hasattr(os, "sched_getaffinity"):
                assert psutil.Process(process.pid).cpu_affinity() == first.cores
        return found


@two_cores
def test_two_at_once_have_cores_of_their_own_and_then_the_same(plugin: Path) -> None:
    found = first_fits(plugin, CORES[:2], entries(plugin, FEW, "meets-a", "meets-b"), 2)
    one, other = found["meets-a"], found["meets-b"]
    assert isinstance(one, FirstFit), one
    assert isinstance(other, FirstFit), other
    assert one.reason == other.reason == ""
    allowed = [first.description["allowed"] for first in (one, other)]
    assert sorted(allowed) == [[core] for core in sorted(CORES[:2])]
    assert one.cores == other.cores
    assert len(one.cores) == 1


def test_one_that_fails_leaves_its_cores_to_the_next(plugin: Path) -> None:
    made = entries(plugin, FEW, "breaks", "diary-a", "diary-b")
    found = first_fits(plugin, CORES[:1], made, 1)
    assert str(found["breaks"]) == "ValueError: broken"
    assert [found[n].reason for n in ("diary-a", "diary-b")] == ["", ""]  # type: ignore[union-attr]


def diary_of_a_run(plugin: Path, workload: Workload, threads: int = 1, cold: bool = False) -> str:
    made = entries(plugin, workload, "diary-a", "diary-b", threads=threads)
    plan = Plan([workload], made, [], cold=cold)
    options = Options(["test"], CORES[:2], budget=None, plugins=(plugin,))
    with Progress(quiet=True) as progress:
        run(plan, options, plugin.parent, progress)
    assert len(runfile.of_kind(runfile.read(plugin.parent), "fit")) == 2
    return " ".join((plugin.parent / "diary").read_text().split())


IN_TURN = "begin diary-a end diary-a begin diary-b end diary-b"


def test_on_much_data_they_take_turns(plugin: Path) -> None:
    assert diary_of_a_run(plugin, MANY) == IN_TURN


def test_cold_ones_take_turns(plugin: Path) -> None:
    assert diary_of_a_run(plugin, FEW, cold=True) == IN_TURN


def test_those_that_need_all_cores_take_turns(plugin: Path) -> None:
    assert diary_of_a_run(plugin, FEW, threads=min(2, len(CORES))) == IN_TURN


@two_cores
def test_a_run_makes_first_fits_on_few_data_at_once(plugin: Path) -> None:
    made = entries(plugin, FEW, "meets-a", "meets-b")
    options = Options(["test"], CORES[:2], budget=None, plugins=(plugin,))
    with Progress(quiet=True) as progress:
        run(Plan([FEW], made, []), options, plugin.parent, progress)
    verdicts = runfile.of_kind(runfile.read(plugin.parent), "verdict")
    assert [verdict["passed"] for verdict in verdicts] == [True, True]
