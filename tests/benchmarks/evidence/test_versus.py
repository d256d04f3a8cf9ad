"""A backend against itself, and against copies of itself that do more work."""

from __future__ import annotations

from pathlib import Path

from backends import registry
from benchmarks.engine import machine
from benchmarks.engine.process import Variant
from benchmarks.estimates import Estimate
from benchmarks.evidence import calibrate
from benchmarks.evidence.versus import AGAIN, Versus, overhead, versus
from benchmarks.problems.workloads import WORKLOADS

CORES = machine.usable_cores()


def line(variants: list[Variant], seconds: float) -> Versus:
    backend = registry.load()["numpy-gelsd"]
    return versus(
        WORKLOADS["line"],
        backend,
        variants,
        seconds,
        cores=CORES,
        threads=1,
        replicates=2,
        seed=0,
    )


def test_twice_the_work_is_slower_and_the_same_work_is_not() -> None:
    found = line([AGAIN, Variant("double", extra_work=1.0)], 3.0)
    assert found.ratio("again", 0.9999).against_one() == "cannot tell"
    double = found.ratio("double", 0.9)
    assert double.against_one() == "slower"
    # The interval, not its middle: on a busy machine that may be anywhere in it.
    assert double.low < 2.5
    assert double.high > 1.7


def test_what_the_suite_adds_is_small_beside_a_fit() -> None:
    added = overhead(CORES)
    fit = min(s.seconds for s in line([AGAIN], 0.3).rounds[""].values())
    assert 0 < added.empty_fit < fit / 10
    assert added.empty_fit < added.between_samples


def test_a_calibration_is_known_on_its_machine_only(tmp_path: Path) -> None:
    path = tmp_path / "calibration.json"
    facts = {"cpu": "one", "cores_used": [1, 2]}
    assert calibrate.known(facts, path) is None
    found = calibrate.Calibration(
        cpu="one",
        cores_used=[1, 2],
        taken="today",
        ratios={"again": Estimate(1.0, 0.99, 1.01)},
        resolutions=[calibrate.Resolution(10.0, 0.0123), calibrate.Resolution(30.0, 0.008)],
        overhead=overhead(CORES),
    )
    calibrate.save(found, path)
    known = calibrate.known(facts, path)
    assert known is not None
    assert known["line"].endswith("differ by 1.2 % in 10 s, or 0.8 % in 30 s")
    assert calibrate.known(facts | {"cpu": "another"}, path) is None
    path.write_text("torn")
    assert calibrate.known(facts, path) is None
