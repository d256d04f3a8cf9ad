"""Who is in the race for a place is measured in several processes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from benchmarks.engine import catalogue, choice, further, machine, plan
from benchmarks.engine.plan import IN_THE_RACE, Options
from benchmarks.engine.run import run
from benchmarks.problems.workloads import WORKLOADS
from benchmarks.runfile.records import FitRecord, VerdictRecord, WorkerRecord
from benchmarks.runfile.run import Run
from reports.analysis.rows import Row, rows

PLUGIN = Path(__file__).parents[2] / "plugins" / "speeds.py"


def measured(folder: Path, names: list[str], **changes: object) -> Run:
    """A run of some of the plug-in's backends."""
    cores = machine.usable_cores()
    made = plan.make(
        [WORKLOADS["line"]],
        choice.choose_backends(names, catalogue.known([PLUGIN])),
        ["cpu"],
        n_cores=len(cores),
        n_gpus=0,
        threads=1,
        available_bytes=psutil.virtual_memory().available,
    )
    # As if there were many entries: one process each, and further ones in the race.
    made = replace(made, replicates=1, **changes)  # type: ignore[arg-type]
    run(made, Options(["test"], cores, budget=2.0, plugins=(PLUGIN,)), folder)
    return Run.read(folder)


@pytest.fixture(scope="module")
def race(tmp_path_factory: pytest.TempPathFactory) -> Run:
    with pytest.MonkeyPatch.context() as patch:
        # Where the backend of two speeds keeps count.
        patch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
        return measured(
            tmp_path_factory.mktemp("race"), ["speeds-two", "speeds-between", "speeds-far"]
        )


def row(run: Run, name: str) -> Row:
    return next(row for row in rows(run) if row.entry.name == name)


def processes(run: Run, name: str) -> set[int]:
    return {sample.replicate for sample in row(run, name).times.values()}


def test_contenders_have_several_processes_and_the_others_two(race: Run) -> None:
    assert len(processes(race, "speeds-two")) > 2
    assert processes(race, "speeds-far") == {0, 1}
    assert race.header.most_replicates == IN_THE_RACE


def test_who_takes_long_to_open_gets_a_second_process_only_in_the_race(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(further, "QUICK_SECONDS", 0.0)
    run = measured(tmp_path, ["speeds-between", "speeds-near", "speeds-far"])
    assert processes(run, "speeds-between") == processes(run, "speeds-near") == {0, 1}
    assert processes(run, "speeds-far") == {0}


def test_each_process_is_recorded_and_judged_as_the_first_was(race: Run) -> None:
    for name in ("speeds-two", "speeds-far"):
        entry, found = row(race, name).entry.id, processes(race, name)
        assert {fit.replicate for fit in race.of(FitRecord, entry)} == found
        assert {one.replicate for one in race.of(VerdictRecord, entry)} == found
        workers = [w for w in race.of(WorkerRecord) if w.backend == name]
        assert {worker.replicate for worker in workers} == found
    numbers = [worker.worker for worker in race.of(WorkerRecord)]
    assert len(set(numbers)) == len(numbers)


def test_who_comes_in_two_speeds_is_not_called_faster_than_who_lies_between(race: Run) -> None:
    two, between = row(race, "speeds-two"), row(race, "speeds-between")
    assert two.speeds[0] < between.time.value < two.speeds[-1]
    assert between.speeds == []
    assert two.place.startswith("1")
    assert between.place.startswith("1")


def test_as_many_processes_as_were_asked_for_and_no_more(tmp_path: Path) -> None:
    run = measured(tmp_path, ["speeds-between", "speeds-near"], most_replicates=1)
    assert processes(run, "speeds-between") == processes(run, "speeds-near") == {0}
