"""A backend against itself, and against copies of itself that do more work."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.engine.process import Launch
from benchmarks.errors import UserError
from benchmarks.estimates import Estimate
from benchmarks.evidence import calibrate
from benchmarks.evidence.versus import copy, make_plan, measure, ratios
from benchmarks.problems.workloads import select
from benchmarks.runfile.header import Machine
from benchmarks.runfile.run import Run


def line(copies: list[Launch], seconds: float, backend: str = "numpy-gelsd") -> Run:
    plan = make_plan(select(["line"]), [backend], copies, replicates=2)
    return measure(plan, seconds)


def test_twice_the_work_is_slower_and_the_same_work_is_not() -> None:
    run = line([copy(), copy(1.0)], 3.0)
    again, double = ratios(run, 0.999).values()
    assert again.against_one() == "cannot tell"
    assert double.against_one() == "slower"
    [_, double] = ratios(run, 0.9).values()
    # The interval, not its middle: on a busy machine that may be anywhere in it.
    assert double.low < 2.5
    assert double.high > 1.7


def test_fewer_rounds_know_less() -> None:
    run = line([copy()], 1.0)
    [whole], [part] = (ratios(run, share=share).values() for share in (1.0, 0.001))
    assert part.high / part.low > whole.high / whole.low


def test_what_fails_the_gate_is_not_compared() -> None:
    plan = make_plan(select(["nist-filip"]), ["scipy-cholesky"], [copy()], replicates=1)
    with pytest.raises(UserError, match=r"nist-filip/scipy-cholesky.*: .+"):
        measure(plan, 0.1)


def test_what_the_suite_adds_is_small_beside_a_fit() -> None:
    added = calibrate.overhead()
    run = line([], 0.3)
    [entry] = run.header.entries
    fit = min(sample.seconds for sample in run.rounds(entry.id).values())
    assert 0 < added.empty_fit < fit / 10
    assert added.empty_fit < added.between_samples


def test_a_calibration_is_known_on_its_machine_only(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    here = Machine(cpu="one", cores_used=[1, 2])
    assert calibrate.known(here, path) == ""
    found = calibrate.Calibration(
        cpu="one",
        cores_used=[1, 2],
        taken="today",
        ratios={"again": Estimate(1.0, 0.99, 1.01)},
        resolutions=[calibrate.Resolution(10.0, 0.0123), calibrate.Resolution(30.0, 0.008)],
        overhead=calibrate.Overhead(7e-8, 1e-4),
    )
    calibrate.save(found, path)
    assert calibrate.known(here, path).endswith("differ by 1.2 % in 10 s, or 0.8 % in 30 s")
    assert calibrate.known(Machine(cpu="another", cores_used=[1, 2]), path) == ""
    path.write_text("torn")
    assert calibrate.known(here, path) == ""
