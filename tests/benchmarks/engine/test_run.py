"""A run end to end: right backends are timed and ranked, all others say what happened."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from backends.base import GradientDescent
from benchmarks.engine import catalogue, choice, machine, plan, resume
from benchmarks.engine.plan import Options, Plan
from benchmarks.engine.run import run
from benchmarks.problems.workloads import select
from benchmarks.runfile.records import (
    FailureRecord,
    FitRecord,
    RooflineRecord,
    SampleRecord,
    VerdictRecord,
)
from benchmarks.runfile.run import Run
from reports import page
from reports.analysis.rows import Row, rows
from reports.document import document

PLUGINS = tuple((Path(__file__).parents[2] / "plugins").glob("*.py"))


def make_plan(
    workloads: str, backends: Sequence[str], plugins: Sequence[Path] = (), cold: bool = False
) -> Plan:
    return plan.make(
        select(workloads.split(",")),
        choice.choose_backends(backends, catalogue.known(tuple(plugins))),
        ["cpu"],
        n_cores=len(machine.usable_cores()),
        n_gpus=0,
        threads=1,
        available_bytes=psutil.virtual_memory().available,
        replicates=1,
        cold=cold,
    )


def rows_of(made: Plan, folder: Path, **options: object) -> dict[str, Row]:
    """Run a plan; its rows by `workload/backend`."""
    settings = Options(["test"], machine.usable_cores(), **options)  # type: ignore[arg-type]
    run(made, settings, folder)
    return {f"{row.entry.workload}/{row.entry.name}": row for row in rows(Run.read(folder))}


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Row]:
    """All wrong and hostile plug-ins beside two right backends, in one run."""
    made = make_plan(
        "line,line-descent", ["wrong-*", "hostile-*", "loud", "numpy-*"], plugins=PLUGINS
    )
    folder = tmp_path_factory.mktemp("hostile")
    # Half a GiB is reached long before patience ends, on a busy machine as well.
    return rows_of(made, folder, budget=2.0, patience=10.0, plugins=PLUGINS, memory_bytes=1 << 29)


@pytest.mark.parametrize("name", ["line/numpy-gelsd", "line/loud", "line-descent/numpy-loop"])
def test_right_rows_are_unaffected_by_hostile_ones(hostile: dict[str, Row], name: str) -> None:
    row = hostile[name]
    assert row.passed
    assert row.reason == ""
    assert row.place
    assert row.samples >= 3
    assert row.time.low <= row.time.value <= row.time.high
    assert 0 < row.verdict.weight_error <= row.verdict.bound


REASONS = {
    "line/wrong-sign": "coefficients are off by",
    "line/wrong-thousandth": "coefficients are off by",
    "line/wrong-nan": "NaN or infinite",
    "line/wrong-split": "coefficients are off by",
    "line/wrong-truth": "coefficients are off by",
    "line/wrong-dtype": "dtype is 'float64', not 'float32'",
    "line/wrong-threads": "threads is 64, not 1",
    "line/wrong-words": "TypeError: fit() returned its weight as builtins.str",
    "line/wrong-later": "coefficients are off by",
    "line-descent/wrong-epochs": "train_losses has shape (0,) and not (100,)",
    "line/hostile-hang": "did not answer within 10 s",
    "line/hostile-exit": "exited with status 0 in the middle of its work",
    "line/hostile-hoard": "used more than 0.5 GiB of memory",
    "line/hostile-babbling-hoard": "used more than 0.5 GiB of memory",
    "line/hostile-babble": "wrote something that is no answer",
    "line/hostile-raise": "ValueError: singular matrix | of <b>doom</b>",
    "line/hostile-crash": "crashed: SIGSEGV",
    "line/hostile-terminated": "killed by someone: SIGTERM, which the suite did not send",
    "line/hostile-number": "killed by someone: signal 40, which the suite did not send",
    "line/hostile-later": "killed by someone: SIGKILL",
}


@pytest.mark.parametrize(("name", "reason"), REASONS.items())
def test_a_wrong_row_says_what_happened(hostile: dict[str, Row], name: str, reason: str) -> None:
    row = hostile[name]
    assert not row.passed
    assert row.status == "failed"
    assert reason in row.reason
    assert "\n" not in row.reason
    assert row.place == ""
    assert row.ratio is None


def test_every_hostile_plugin_is_tested(hostile: dict[str, Row]) -> None:
    assert {name for name, row in hostile.items() if not row.passed} == set(REASONS)


def test_the_log_of_a_process_that_failed_is_recorded(tmp_path: Path) -> None:
    made = make_plan("line", ["hostile-exit"], plugins=PLUGINS)
    rows_of(made, tmp_path, budget=None, plugins=PLUGINS)
    [failure] = Run.read(tmp_path).of(FailureRecord)
    assert (tmp_path / failure.log).is_file()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Torch, TensorFlow and closed form on small workloads.

    It is over long before its budget is, which a first fit on a busy machine may need.
    """
    backends = ["torch-eager", "torch-cholesky", "tensorflow-xla", "sklearn-linear", "numpy-*"]
    folder = tmp_path_factory.mktemp("run")
    rows_of(make_plan("line-descent,line,500x3:float64", backends), folder, budget=15.0)
    return folder


@pytest.fixture(scope="module")
def families(folder: Path) -> Run:
    return Run.read(folder)


def test_all_families_are_fitted_timed_and_ranked(families: Run) -> None:
    found = rows(families)
    assert {row.entry.workload for row in found} == {"line-descent", "line", "500x3:float64"}
    assert {row.entry.framework for row in found} == {"torch", "tensorflow", "sklearn", "numpy"}
    for row in found:
        assert row.passed, row.reason
        assert row.samples > 0
        descent = row.entry.workload == "line-descent"
        assert row.baseline == ("torch-eager" if descent else "sklearn-linear")
        assert row.ratio.low <= row.ratio.value <= row.ratio.high
        assert min(row.phases[name] for name in ("import", "transfer", "first fit")) > 0


def test_samples_come_in_rounds_of_fresh_order(families: Run) -> None:
    """No entry is sampled twice in a round, and the rounds differ in their order."""
    orders: dict[int, list[str]] = {}
    for sample in families.of(SampleRecord):
        if sample.entry.startswith("line/"):
            orders.setdefault(sample.round, []).append(sample.entry)
    assert len(orders) > 10
    assert all(len(set(order)) == len(order) for order in orders.values())
    full = {tuple(order) for order in orders.values() if len(order) == len(orders[0])}
    assert len(full) > 3


def test_the_budget_is_kept_and_the_data_are_removed(families: Run, folder: Path) -> None:
    assert sum(sample.seconds * sample.fits for sample in families.of(SampleRecord)) <= 15.0
    assert not (folder / "data").exists()
    assert families.footer.outcome == "complete"


def test_every_entry_gets_the_same_bytes(families: Run) -> None:
    fits = families.of(FitRecord)
    assert fits
    for fit in fits:
        assert fit.sha256 == families.workloads[fit.entry.rsplit("/", 3)[0]].sha256


@pytest.mark.parametrize("cold", [False, True])
def test_a_cold_first_fit_is_the_first_of_its_process(cold: bool, tmp_path: Path) -> None:
    made = make_plan("line,500x3:float64", ["numpy-gelsd"], cold=cold)
    rows_of(made, tmp_path, budget=None)
    finished = Run.read(tmp_path)
    fits = [fit for fit in finished.of(FitRecord) if fit.replicate == 0]
    assert len({fit.worker for fit in fits}) == (2 if cold else 1)
    assert [fit.fresh for fit in fits] == [True, cold]
    resumed = resume.plan(finished.header, catalogue.known())
    assert [e.process for e in resumed.entries] == [e.process for e in made.entries]


def test_the_best_of_the_machine_is_measured_beside_the_fits_and_makes_a_floor(
    families: Run,
) -> None:
    kinds, found = [type(record) for record in families.records], rows(families)
    measured = families.of(RooflineRecord)
    assert {record.framework for record in measured} == {row.entry.framework for row in found}
    assert all(record.call_seconds > 0 for record in measured)
    for name in families.workloads:
        mine = [record for record in measured if record.workload == name]
        assert sum(record.read_rate is not None for record in mine) >= 2
    # Before the samples of the first workload, and after those of the last one.
    assert kinds.index(RooflineRecord) < kinds.index(SampleRecord)
    assert kinds[::-1].index(RooflineRecord) < kinds[::-1].index(SampleRecord)
    for row in found:
        assert row.times_floor == pytest.approx(row.time.value / row.floor.seconds)
        assert row.times_floor > 1


def test_the_memory_of_a_fit_is_recorded(tmp_path: Path) -> None:
    """X in float64, which NumPy works in, is twice as large as X."""
    made = make_plan("20000x50", ["numpy-gelsd"])
    [row] = rows_of(made, tmp_path, budget=None).values()
    if sys.platform == "linux":
        assert row.fit.peak_bytes > 2 * 20_000 * 50 * 4
    else:
        assert row.fit.peak_bytes is None


def test_check_judges_and_does_not_time(tmp_path: Path) -> None:
    found = rows_of(make_plan("line", ["numpy-gelsd", "scipy-gelsd"]), tmp_path, budget=None)
    assert [row.status for row in found.values()] == ["not timed", "not timed"]
    assert all(row.passed and row.samples == 0 for row in found.values())


def test_a_workload_without_a_reference_fails_alone(tmp_path: Path) -> None:
    method = GradientDescent("squared", 1e9, 200, (0.0,), 0.0)
    made = make_plan("line-descent,line", ["numpy-*"])
    wild = replace(made.entries[0].workload, name="wild", method=method)
    entries = [
        replace(entry, workload=wild) if entry.workload.name == "line-descent" else entry
        for entry in made.entries
    ]
    made = replace(made, entries=entries, workloads=[wild, *made.workloads[1:]])
    found = rows_of(made, tmp_path, budget=0.5)
    assert found["wild/numpy-loop"].status == "failed"
    assert found["wild/numpy-loop"].reason == "descent with learning rate 1e+09 diverges; lower it"
    assert found["line/numpy-gelsd"].passed
    finished = Run.read(tmp_path)
    page.write(document(finished, rows(finished)), tmp_path)


def test_the_record_of_a_workload_says_what_is_special(tmp_path: Path) -> None:
    rows_of(make_plan("nist-noint2,odd-twice", ["numpy-gelsd"]), tmp_path, budget=None)
    finished = Run.read(tmp_path)
    noint, twice = (finished.workloads[name] for name in ("nist-noint2", "odd-twice"))
    assert noint.certified == [0.727272727272727, 0.0]
    assert noint.weight is None
    assert (twice.rank, twice.certified) == (4, None)
    assert "rank 4" in twice.note
    digits = {v.entry.split("/")[0]: v.digits for v in finished.of(VerdictRecord)}
    assert digits["nist-noint2"].least > 14
    assert digits["odd-twice"] is None


def test_a_fit_of_odd_shape_leaves_a_run_file_that_can_be_read(tmp_path: Path) -> None:
    """The numbers of such a fit are left out; its verdict says what is wrong."""
    plugin = tmp_path / "odd_shapes.py"
    plugin.write_text(ODD_SHAPES)
    rows_of(make_plan("line", ["odd-*"], [plugin]), tmp_path, budget=None, plugins=(plugin,))
    for row in rows(Run.read(tmp_path)):
        assert row.status == "failed"
        assert "in one dimension" in row.reason
        assert row.coefficients is None


ODD_SHAPES = """
import numpy as np
from backends.base import Fit
from backends.numpy import NumpyGelsd

class Scalar(NumpyGelsd):
    name = "odd-scalar"

    def fit(self):
        fit = super().fit()
        return Fit(np.array(fit.weight[0]), fit.bias)

class Nested(NumpyGelsd):
    name = "odd-nested"

    def fit(self):
        fit = super().fit()
        return Fit(fit.weight[None], np.array([fit.bias]))
"""
