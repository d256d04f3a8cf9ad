"""First fits at the same time: each on cores of its own, and afterwards all on the same ones."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from benchmarks.engine import catalogue, machine
from benchmarks.engine.first_fit import FirstFit
from benchmarks.engine.plan import Entry, Options, Plan
from benchmarks.engine.pool import Pool
from benchmarks.engine.process import Process
from benchmarks.engine.run import run
from benchmarks.engine.schedule import FIRST_LOOK
from benchmarks.engine.worker import WorkerFailed
from benchmarks.problems.workloads import Workload, select
from benchmarks.runfile.records import FitRecord, VerdictRecord
from benchmarks.runfile.run import Run
from benchmarks.samples import Sample

#: Backends that write down when they fit, and on which cores. Two of them wait for each other.
SOURCE = """
import os, time
from pathlib import Path
from backends.base import Fit
from backends.numpy import NumpyGelsd

HERE = Path(os.environ["XDG_CACHE_HOME"])  # a worker may write to a cache

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

class Compiles(Diary):
    name = "compiles"
    wrong = False  # from the second fit on
    fits = 0

    def load(self, data, method):
        self.fits = 0
        super().load(data, method)

    def fit(self):
        self.fits += 1
        result = super().fit()
        return Fit(result.weight + 1, result.bias) if self.wrong and self.fits > 1 else result

    def meet(self):
        time.sleep(0.6 if self.fits == 1 else 0.0)

class GoesWrong(Compiles):
    name, wrong = "goes-wrong", True

class Slow(Diary):
    name = "slow"

    def meet(self):
        time.sleep(0.6)

class SlowToo(Slow):
    name = "slow-too"

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
def plugin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    path = tmp_path / "diary.py"
    path.write_text(SOURCE)
    return path


def entries(plugin: Path, workload: Workload, *names: str, threads: int = 1) -> list[Entry]:
    known = catalogue.known((plugin,))
    return [
        Entry(workload, known[name], Process(name, "cpu", threads, plugin=known[name].plugin))
        for name in names
    ]


def first_fits(
    plugin: Path, cores: list[int], made: list[Entry], at_once: int, affordable: float = 0.0
) -> dict[str, FirstFit | WorkerFailed]:
    with Pool(plugin.parent, cores, affordable=affordable) as pool:
        for _, answer in pool.start([entry.process for entry in made]):
            assert not isinstance(answer, WorkerFailed), answer
        found = {}
        for entry, process, first in pool.first_fits(((e, e.process) for e in made), at_once):
            assert entry.process == process
            found[process.name] = first
        for entry in made:
            first, worker = found[entry.process.name], pool.workers[entry.process]
            assert pool.watched(entry.process) is None  # before its rounds
            if isinstance(first, FirstFit) and hasattr(os, "sched_getaffinity"):
                assert psutil.Process(worker.pid).cpu_affinity() == first.cores
        return found


@two_cores
def test_two_at_once_have_cores_of_their_own_and_then_the_same(plugin: Path) -> None:
    found = first_fits(plugin, CORES[:2], entries(plugin, FEW, "meets-a", "meets-b"), 2)
    one, other = found["meets-a"], found["meets-b"]
    assert isinstance(one, FirstFit), one
    assert isinstance(other, FirstFit), other
    assert one.reason == other.reason == ""
    allowed = [first.answer.description["allowed"] for first in (one, other)]
    assert sorted(allowed) == [[core] for core in sorted(CORES[:2])]
    assert one.cores == other.cores
    assert len(one.cores) == 1


def test_what_took_long_is_begun_first(plugin: Path) -> None:
    """So that not all others wait for it in the end."""
    quick, slow = made = entries(plugin, FEW, "numpy-gelsd", "diary-a")
    with Pool(plugin.parent, CORES) as pool:
        pairs = [(entry, entry.process) for entry in made]
        assert pool.longest_first(pairs) == pairs  # nothing is known of them
        for process in (slow.process, quick.process):
            list(pool.start([process]))
        for entry in made:
            pool.first_fit(entry)
        assert pool.longest_first(pairs) == [(slow, slow.process), (quick, quick.process)]


def test_one_that_fails_leaves_its_cores_to_the_next(plugin: Path) -> None:
    made = entries(plugin, FEW, "breaks", "diary-a", "diary-b")
    found = first_fits(plugin, CORES[:1], made, 1)
    assert str(found["breaks"]) == "ValueError: broken"
    assert [found[n].reason for n in ("diary-a", "diary-b")] == ["", ""]  # type: ignore[union-attr]


def test_a_second_fit_says_whether_an_expensive_one_is_slow_itself(plugin: Path) -> None:
    names = ("diary-a", "compiles", "slow", "goes-wrong")
    found = first_fits(plugin, CORES[:2], entries(plugin, FEW, *names), 1, affordable=60.0)
    firsts = [first for name in names if isinstance(first := found[name], FirstFit)]
    quick, compiles, slow, wrong = firsts
    assert [bool(first.reason) for first in firsts] == [False, False, False, True]
    assert quick.second is wrong.second is None
    assert compiles.sample(0) is None
    assert compiles.fit_seconds < 0.5 < compiles.answer.seconds
    assert slow.sample(3) == Sample(3, slow.fit_seconds)


def test_no_second_fit_is_made_that_the_budget_does_not_allow(plugin: Path) -> None:
    found = first_fits(plugin, CORES[:1], entries(plugin, FEW, "slow"), 1, affordable=0.55)
    assert [first.second for first in found.values()] == [None]  # type: ignore[union-attr]
    made = entries(plugin, FEW, "slow", "slow-too", "compiles")
    found = first_fits(plugin, CORES[:1], made, 1, affordable=1.0)
    assert [bool(first.second) for first in found.values()] == [True, True, False]  # type: ignore[union-attr]


def test_a_slow_second_fit_is_a_sample_and_takes_no_time_of_the_others(plugin: Path) -> None:
    made = entries(plugin, FEW, "slow", "compiles")
    options = Options(["test"], CORES[:1], budget=0.7, plugins=(plugin,), wait=True)
    run(Plan([FEW], made, []), options, plugin.parent)
    done = Run.read(plugin.parent)
    slow, quick = (done.rounds(entry.id) for entry in made)
    assert all(sample.seconds > 0.5 for sample in slow.values())
    assert slow
    assert len(quick) >= FIRST_LOOK


def diary_of_a_run(plugin: Path, workload: Workload, threads: int = 1, cold: bool = False) -> str:
    made = entries(plugin, workload, "diary-a", "diary-b", threads=threads)
    plan = Plan([workload], made, [], cold=cold)
    options = Options(["test"], CORES[:2], budget=None, plugins=(plugin,))
    run(plan, options, plugin.parent)
    assert len(Run.read(plugin.parent).of(FitRecord)) == 2
    return " ".join((plugin.parent / "cache" / "diary").read_text().split())


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
    run(Plan([FEW], made, []), options, plugin.parent)
    verdicts = Run.read(plugin.parent).of(VerdictRecord)
    assert [verdict.passed for verdict in verdicts] == [True, True]


HOSTILE = Path(__file__).parents[2] / "plugins" / "hostile.py"


def started(folder: Path, at_once: int, *names: str, **kept: float) -> Iterator[tuple[str, str]]:
    """The first fits of some hostile plug-ins, as they end: the name and what went wrong."""
    made = entries(HOSTILE, FEW, *names)
    cores = CORES * at_once  # what hangs needs no core of its own
    with Pool(folder, cores, **kept) as pool:
        for _, answer in pool.start([entry.process for entry in made]):
            assert not isinstance(answer, WorkerFailed), answer
        for _, process, first in pool.first_fits(((e, e.process) for e in made), at_once):
            yield process.name, str(first) if isinstance(first, WorkerFailed) else first.reason


def test_while_one_hangs_the_others_are_heard(tmp_path: Path) -> None:
    found = list(started(tmp_path, 2, "hostile-hang", "numpy-gelsd", patience=5.0))
    assert found == [("numpy-gelsd", ""), ("hostile-hang", "did not answer within 5 s")]


def test_while_several_are_asked_their_memory_is_watched(tmp_path: Path) -> None:
    limits = {"patience": 20.0, "memory_bytes": 1 << 29}
    name, reason = next(started(tmp_path, 2, "hostile-hang", "hostile-hoard", **limits))
    assert (name, reason) == ("hostile-hoard", "used more than 0.5 GiB of memory: killed")


def test_a_worker_that_is_lost_fails_again_when_it_is_asked(tmp_path: Path) -> None:
    [(_, reason)] = started(tmp_path, 1, "hostile-exit")
    assert "exited with status 0" in reason


def test_the_next_first_fit_begins_when_there_is_room_for_it(tmp_path: Path) -> None:
    known, begun = catalogue.known(), []
    made = [
        Entry(FEW, known["numpy-gelsd"], Process("numpy-gelsd", "cpu", 1, replicate=number))
        for number in range(3)
    ]

    def wanted() -> Iterator[tuple[Entry, Process]]:
        for entry in made:
            begun.append(entry)
            yield entry, entry.process

    with Pool(tmp_path, CORES) as pool:
        for _, answer in pool.start([entry.process for entry in made]):
            assert not isinstance(answer, WorkerFailed), answer
        for number, (entry, _, _) in enumerate(pool.first_fits(wanted()), start=1):
            assert begun == made[:number]
            assert entry is made[number - 1]


def test_a_further_process_takes_the_operator_that_the_first_has_compiled(tmp_path: Path) -> None:
    """Compiling takes seconds, and only the first process says how many."""
    known = catalogue.known()["torch-operator"]
    entry = Entry(select(["tutorial"])[0], known, Process(known.name, "cpu", 1))
    with Pool(tmp_path, machine.usable_cores()) as pool:
        processes = [replace(entry.process, replicate=number) for number in (0, 1)]
        first, further = (pool.first_fit(entry, process) for process in processes)
    assert first.reason == further.reason == ""
    assert further.answer.seconds < first.answer.seconds / 3
