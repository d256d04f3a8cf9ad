"""Facts about the machine, and whether it was disturbed."""

from __future__ import annotations

import os
from types import SimpleNamespace
from typing import Any

import pytest

from benchmarks.engine import machine


def test_the_usable_cores_are_allowed_and_none_is_twice() -> None:
    cores = machine.usable_cores()
    assert cores
    assert len(set(cores)) == len(cores)
    if hasattr(os, "sched_getaffinity"):
        assert set(cores) <= os.sched_getaffinity(0)


FILES = {"/sys/fs/cgroup/cpu.max": "max 100000"}


@pytest.fixture
def four_threads_on_two_cores(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    files = dict(FILES)
    for core, siblings in enumerate(["0,2", "1,3", "0,2", "1,3"]):
        files[f"/sys/devices/system/cpu/cpu{core}/topology/thread_siblings_list"] = siblings
    monkeypatch.setattr(machine, "_read", lambda path: files.get(str(path)))
    monkeypatch.setattr(os, "sched_getaffinity", lambda pid: {0, 1, 2, 3}, raising=False)
    return files


def test_one_hardware_thread_of_each_core_is_used(
    four_threads_on_two_cores: dict[str, str],
) -> None:
    assert machine.usable_cores() == [0, 1]


def test_a_container_that_may_use_one_cpu_has_one_core(
    four_threads_on_two_cores: dict[str, str],
) -> None:
    four_threads_on_two_cores["/sys/fs/cgroup/cpu.max"] = "150000 100000"
    assert machine.usable_cores() == [0]


def test_the_quietest_cores_come_first_and_of_equals_the_last(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("psutil.cpu_percent", lambda **_: [2.0, 100.0, 40.0, 0.0, 0.0])
    assert machine.quietest([0, 1, 2, 3]) == [3, 0, 2, 1]
    assert machine.quietest([2, 9]) == [9, 2]  # more cores than the system tells of


def test_a_description_is_complete() -> None:
    facts = machine.describe([0])
    assert facts["cores_used"] == [0]
    assert facts["memory_bytes"] > 0
    assert facts["packages"]["numpy"]
    assert isinstance(facts["gpus"], list)


class Times(SimpleNamespace):
    def _asdict(self) -> dict[str, Any]:
        return vars(self)


@pytest.mark.parametrize(
    ("later", "own", "clock", "message"),
    [
        ({"user": 10.0, "idle": 30.0, "steal": 0.0}, 10.0, 3000, ""),
        ({"user": 10.0, "idle": 20.0, "steal": 10.0}, 10.0, 3000, "hypervisor took 25%"),
        ({"user": 30.0, "idle": 10.0, "steal": 0.0}, 10.0, 3000, "other processes kept 2.0 cores"),
        ({"user": 10.0, "idle": 30.0, "steal": 0.0}, 10.0, 2000, "from 3000 to 2000 MHz"),
    ],
)
def test_what_disturbed_a_measurement_is_said(
    monkeypatch: pytest.MonkeyPatch, later: dict[str, float], own: float, clock: int, message: str
) -> None:
    """Ten seconds on four cores, of which the suite's own processes worked for ten."""
    now = {"times": Times(user=0.0, idle=0.0, steal=0.0), "own": 0.0, "clock": 3000, "at": 0.0}
    monkeypatch.setattr(machine.psutil, "cpu_times", lambda: now["times"])
    monkeypatch.setattr(machine, "_own_seconds", lambda: now["own"])
    monkeypatch.setattr(machine, "state", lambda: {"clock_mhz": now["clock"], "load": 0.0})
    monkeypatch.setattr(machine.time, "perf_counter", lambda: now["at"])
    watch = machine.Watch()
    now |= {"times": Times(**later), "own": own, "clock": clock, "at": 10.0}
    troubles = watch.troubles()
    assert len(troubles) == bool(message)
    assert message in "".join(troubles)
