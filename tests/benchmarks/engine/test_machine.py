"""Facts about the machine, and whether it was disturbed."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from benchmarks.engine import machine
from benchmarks.engine.machine import Reading


def test_the_usable_cores_are_allowed_and_none_is_twice() -> None:
    cores = machine.usable_cores()
    assert cores
    assert len(set(cores)) == len(cores)
    if hasattr(os, "sched_getaffinity"):
        assert set(cores) <= os.sched_getaffinity(0)


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """Linux's description of a machine with four hardware threads on two cores."""
    for core, siblings in enumerate(["0,2", "1,3", "0,2", "1,3"]):
        folder = tmp_path / f"devices/system/cpu/cpu{core}/topology"
        folder.mkdir(parents=True)
        (folder / "thread_siblings_list").write_text(f"{siblings}\n")
    (tmp_path / "fs/cgroup").mkdir(parents=True)
    (tmp_path / "fs/cgroup/cpu.max").write_text("max 100000\n")
    return tmp_path


def test_one_hardware_thread_of_each_core_is_used(system: Path) -> None:
    assert machine.usable_cores([0, 1, 2, 3], system) == [0, 1]
    assert machine.usable_cores([2, 3], system) == [2, 3]


def test_a_container_that_may_use_one_cpu_has_one_core(system: Path) -> None:
    (system / "fs/cgroup/cpu.max").write_text("150000 100000\n")
    assert machine.usable_cores([0, 1, 2, 3], system) == [0]


def test_the_quietest_cores_come_first_and_of_equals_the_last() -> None:
    busy = [2.0, 100.0, 40.0, 0.0, 0.0]
    assert machine.quietest([0, 1, 2, 3], busy) == [3, 0, 2, 1]
    assert machine.quietest([2, 9], busy) == [9, 2]  # more cores than the system shows


def test_a_description_is_complete() -> None:
    found = machine.describe([0])
    assert found.cores_used == [0]
    assert found.memory_bytes > 0
    assert found.packages["numpy"]
    assert isinstance(found.gpus, list)


BEFORE = Reading(at=0.0, times={"user": 0.0, "idle": 0.0, "steal": 0.0}, own=0.0, clock_mhz=3000)


@pytest.mark.parametrize(
    ("times", "clock", "message"),
    [
        ({"user": 10.0, "idle": 30.0, "steal": 0.0}, 3000, ""),
        ({"user": 10.0, "idle": 20.0, "steal": 10.0}, 3000, "hypervisor took 25%"),
        ({"user": 30.0, "idle": 10.0, "steal": 0.0}, 3000, "other processes kept 2.0 cores"),
        ({"user": 10.0, "idle": 30.0, "steal": 0.0}, 2000, "from 3000 to 2000 MHz"),
    ],
)
def test_what_disturbed_a_measurement_is_said(
    times: dict[str, float], clock: float, message: str
) -> None:
    """Ten seconds on four cores, of which the suite's own processes worked for ten."""
    after = Reading(at=10.0, times=times, own=10.0, clock_mhz=clock)
    found = machine.disturbances(BEFORE, after)
    assert len(found) == bool(message)
    assert message in "".join(found)


def test_a_reading_moves_on() -> None:
    before, after = machine.reading(), machine.reading()
    assert after.at > before.at
    assert after.own >= before.own > 0
    assert after.times["user"] >= before.times["user"]
