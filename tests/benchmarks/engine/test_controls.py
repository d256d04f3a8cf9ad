"""A backend's time is the time of its work: whoever earns it otherwise is found out in a run."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import psutil
import pytest

from backends import registry
from benchmarks.engine import machine, plan
from benchmarks.engine.plan import Options
from benchmarks.engine.run import run
from benchmarks.problems.workloads import select
from benchmarks.runfile.reader import read
from reports.analysis.rows import Row, rows

FOLDER = Path(__file__).parents[2] / "plugins"
PLUGINS = tuple(FOLDER / f"{name}.py" for name in ("clock", "results", "watched"))


def rows_of(folder: Path, workloads: str, backends: Sequence[str], budget: float) -> dict[str, Row]:
    """A run's rows by `workload/backend`."""
    made = plan.make(
        select(workloads.split(",")),
        plan.choose_backends(backends, registry.load(PLUGINS)),
        ["cpu"],
        n_cores=len(machine.usable_cores()),
        n_gpus=0,
        threads=1,
        available_bytes=psutil.virtual_memory().available,
        replicates=1,
    )
    run(made, Options(["test"], machine.usable_cores(), budget=budget, plugins=PLUGINS), folder)
    return {f"{row.entry.workload}/{row.entry.name}": row for row in rows(read(folder))}


UNSEEN = "a fit of data that it had not seen"
WRONG = f"{UNSEEN} is wrong"
LOADING = "compute nothing from the data in `load`"
#: What a backend does wrong is found out, whatever finds it first.
REASONS = {
    "clock-once": UNSEEN,
    "clock-once-forever": WRONG,
    "clock-hash": UNSEEN,
    "clock-load": LOADING,
    "clock-load-not-renew": "coefficients are off by",
    "clock-gram-load": LOADING,
    "clock-r-load": LOADING,
    "clock-gram-kept": UNSEEN,
    "clock-gram-forever": WRONG,
    "clock-gram-key": UNSEEN,
    "clock-rows-load": LOADING,
    "clock-rows-kept": UNSEEN,
    "clock-later": "return backends.base.Fit(weight, bias), no subclass",
    "clock-property": "return backends.base.Fit(weight, bias), no subclass",
    "clock-array": "return a numpy.ndarray",
    "clock-protocol": "return a numpy.ndarray",
    "clock-last": "coefficients are off by",
    "clock-last-copies": UNSEEN,
    "clock-wrong-first": "coefficients are off by",
    "clock-wrong-times": "coefficients are off by",
    "clock-clock": "by our clock as by its own",
    "clock-result-none": "return backends.base.Fit",
    "clock-result-tuple": "return backends.base.Fit",
    "clock-result-complex": "complex",
    "clock-result-masked": "return a numpy.ndarray",
    "clock-result-strings": "return float32 or float64",
    "clock-result-objects": "return float32 or float64",
    "clock-result-half": "return float32 or float64",
    "clock-result-longer": "return float32 or float64",
    "clock-result-integers": "return float32 or float64",
    "clock-result-list": "return a numpy.ndarray",
    "clock-result-scalar": "in one dimension",
    "clock-result-row": "in one dimension",
    "clock-result-column": "in one dimension",
    "clock-result-bias-array": "return a float",
    "clock-result-bias-none": "return a float",
    "clock-result-bias-complex": "return a float",
    "clock-result-losses": "return float32 or float64",
}
RIGHT = ("clock-honest", "clock-chance", "clock-compiles", "clock-replaced", "numpy-gelsd")
#: Found out where there is more than one core.
CORES = {"clock-threads": "cores", "clock-unbound": "changed its binding to cores"}


@pytest.fixture(scope="module")
def line(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    """All of them beside honest ones, on a small problem of one feature: the hardest to tell."""
    names = [*REASONS, *RIGHT, *CORES]
    found = rows_of(tmp_path_factory.mktemp("line"), "line", names, budget=20.0)
    return {name.partition("/")[2]: row for name, row in found.items()}


@pytest.mark.parametrize(("name", "reason"), REASONS.items())
def test_time_that_is_not_that_of_the_work_is_refused(
    line: dict[str, Row], name: str, reason: str
) -> None:
    row = line[name]
    assert (row.status, row.place) == ("failed", "")
    assert reason in row.reason
    assert "\n" not in row.reason


@pytest.mark.parametrize("name", RIGHT)
def test_honest_backends_are_ranked(line: dict[str, Row], name: str) -> None:
    row = line[name]
    assert (row.status, row.reason) == ("passed", "")
    assert row.place


@pytest.mark.skipif(len(machine.usable_cores()) < 2, reason="needs a core that was not given")
@pytest.mark.parametrize(("name", "reason"), CORES.items())
def test_cores_that_were_not_given_are_refused(
    line: dict[str, Row], name: str, reason: str
) -> None:
    assert line[name].status == "failed"
    assert reason in line[name].reason


LARGER = ("once", "load", "gram-load", "r-load", "gram-kept", "gram-key", "rows-load", "rows-kept")


@pytest.fixture(scope="module")
def larger(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    names = [f"clock-{name}" for name in LARGER] + ["clock-honest"]
    sizes = "20000x20,500x100"
    return rows_of(tmp_path_factory.mktemp("larger"), sizes, names, budget=8.0)


@pytest.mark.parametrize("size", ["20000x20", "500x100"])
def test_more_samples_and_more_features_change_nothing(larger: dict[str, Row], size: str) -> None:
    found = {row.entry.name for row in larger.values() if row.status == "passed"}
    assert found == {"clock-honest"}
    for name in LARGER:
        assert REASONS[f"clock-{name}"] in larger[f"{size}/clock-{name}"].reason


@pytest.fixture(scope="module")
def descents(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    names = ["clock-descent-once", "clock-descent-forever", "numpy-loop"]
    return rows_of(tmp_path_factory.mktemp("descent"), "tutorial,line-descent", names, budget=4.0)


@pytest.mark.parametrize("workload", ["tutorial", "line-descent"])
def test_descents_are_made_anew(descents: dict[str, Row], workload: str) -> None:
    assert UNSEEN in descents[f"{workload}/clock-descent-once"].reason
    assert WRONG in descents[f"{workload}/clock-descent-forever"].reason
    assert descents[f"{workload}/numpy-loop"].status == "passed"


def test_claims_are_held_to_what_they_promise(tmp_path: Path) -> None:
    """float32 shows wherever float64 is asked for; X'X where the problem is ill-conditioned."""
    names = ["clock-float32", "clock-not-orthogonal", "clock-honest", "numpy-gelsd"]
    found = rows_of(tmp_path, "ill-conditioned,500x3:float64", names, budget=2.0)
    passed = {name for name, row in found.items() if row.status == "passed"}
    assert passed == {
        "ill-conditioned/clock-honest",
        "ill-conditioned/numpy-gelsd",
        *(f"500x3:float64/{n}" for n in ("clock-not-orthogonal", "clock-honest", "numpy-gelsd")),
    }
    assert "coefficients are off by" in found["500x3:float64/clock-float32"].reason
    assert "coefficients are off by" in found["ill-conditioned/clock-not-orthogonal"].reason
