"""A run end to end: right backends are timed and ranked, all others say what happened."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import pytest
from benchmarks.engine.options import Options

from backends import registry
from backends.base import GradientDescent
from benchmarks import runfile
from benchmarks.engine import machine, plan, resume
from benchmarks.engine.plan import Plan
from benchmarks.engine.run import run
from benchmarks.problems.workloads import select
from reports import page
from reports.analysis import rows as results
from reports.analysis.rows import Row
from reports.terminal.progress import Progress

PLUGINS = tuple((Path(__file__).parents[2] / "plugins").glob("*.py"))


def make_plan(
    workloads: str, backends: Sequence[str], plugins: Sequence[Path] = (), cold: bool = False
) -> Plan:
    return plan.make(
        select(workloads.split(",")),
        plan.choose_backends(backends, registry.load(tuple(plugins))),
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
    with Progress() as progress:
        run(made, settings, folder, progress)
    rows = results.rows(runfile.read(folder))
    return {f"{row.workload}/{row.backend}": row for row in rows}


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
    assert row.rank
    assert row.samples >= 3
    assert row.seconds_low <= row.seconds_median <= row.seconds_high
    assert 0 < row.weight_error <= row.bound


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
    "line/hostile-babble": "wrote something that is no answer",
    "line/hostile-raise": "ValueError: singular matrix | of <b>doom</b>",
    "line/hostile-later": "was killed by SIGKILL",
}


@pytest.mark.parametrize(("name", "reason"), REASONS.items())
def test_a_wrong_row_says_what_happened(hostile: dict[str, Row], name: str, reason: str) -> None:
    row = hostile[name]
    assert not row.passed
    assert row.status == "failed"
    assert reason in row.reason
    assert "\n" not in row.reason
    assert row.rank == ""
    assert row.ratio is None


def test_every_hostile_plugin_is_tested(hostile: dict[str, Row]) -> None:
    assert {name for name, row in hostile.items() if not row.passed} == set(REASONS)


def test_the_log_of_a_process_that_failed_is_recorded(tmp_path: Path) -> None:
    made = make_plan("line", ["hostile-exit"], plugins=PLUGINS)
    rows_of(made, tmp_path, budget=None, plugins=PLUGINS)
    (failure,) = runfile.of_kind(runfile.read(tmp_path), "failure")
    assert (tmp_path / failure["log"]).is_file()


@pytest.fixture(scope="module")
def three_families(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Torch, TensorFlow and closed form on small workloads.

    It is over long before its budget is, which a first fit on a busy machine may need.
    """
    backends = ["torch-eager", "torch-cholesky", "tensorflow-xla", "sklearn-linear", "numpy-*"]
    folder = tmp_path_factory.mktemp("run")
    rows_of(make_plan("line-descent,line,500x3:float64", backends), folder, budget=15.0)
    return folder


def test_all_families_are_fitted_timed_and_ranked(three_families: Path) -> None:
    rows = results.rows(runfile.read(three_families))
    assert {row.workload for row in rows} == {"line-descent", "line", "500x3:float64"}
    assert {row.framework for row in rows} == {"torch", "tensorflow", "sklearn", "numpy"}
    for row in rows:
        assert row.passed, row.reason
        assert row.samples > 0
        assert row.baseline == (
            "torch-eager" if row.workload == "line-descent" else "sklearn-linear"
        )
        assert row.ratio_low <= row.ratio <= row.ratio_high
        assert min(row.import_seconds, row.transfer_seconds, row.compile_seconds) > 0


def test_samples_come_in_rounds_of_fresh_order(three_families: Path) -> None:
    """No entry is sampled twice in a round, and the rounds differ in their order."""
    records = runfile.read(three_families)
    orders: dict[int, list[str]] = {}
    for sample in runfile.of_kind(records, "sample"):
        if sample["entry"].startswith("line/"):
            orders.setdefault(sample["round"], []).append(sample["entry"])
    assert len(orders) > 10
    assert all(len(set(order)) == len(order) for order in orders.values())
    full = {tuple(order) for order in orders.values() if len(order) == len(orders[0])}
    assert len(full) > 3


def test_the_budget_is_kept_and_the_data_are_removed(three_families: Path) -> None:
    records = runfile.read(three_families)
    measured = sum(s["seconds"] * s["fits"] for s in runfile.of_kind(records, "sample"))
    assert measured <= 15.0
    assert not (three_families / "data").exists()
    [footer] = runfile.of_kind(records, "footer")
    assert footer["outcome"] == "complete"


def test_every_entry_gets_the_same_bytes(three_families: Path) -> None:
    records = runfile.read(three_families)
    sent = {name: record["sha256"] for name, record in results.workloads(records).items()}
    fits = runfile.of_kind(records, "fit")
    assert fits
    assert all(fit["sha256"] == sent[fit["entry"].rsplit("/", 3)[0]] for fit in fits)


@pytest.mark.parametrize("cold", [False, True])
def test_a_cold_first_fit_is_the_first_of_its_process(cold: bool, tmp_path: Path) -> None:
    made = make_plan("line,500x3:float64", ["numpy-gelsd"], cold=cold)
    rows_of(made, tmp_path, budget=None)
    records = runfile.read(tmp_path)
    fits = runfile.of_kind(records, "fit")
    workers = {fit["worker"] for fit in fits if fit["replicate"] == 0}
    assert len(workers) == (2 if cold else 1)
    assert [fit["fresh"] for fit in fits if fit["replicate"] == 0] == [True, cold]
    resumed = resume.plan(records[0], registry.load())
    assert [e.home for e in resumed.entries] == [e.home for e in made.entries]


def test_the_limits_are_measured_beside_the_fits_and_make_a_floor(three_families: Path) -> None:
    records = runfile.read(three_families)
    kinds = [record["record"] for record in records]
    limits = runfile.of_kind(records, "limit")
    fitted = {row.framework for row in results.rows(records)}
    assert {limit["framework"] for limit in limits} == fitted
    assert all(limit["call_seconds"] > 0 for limit in limits)
    for name in results.workloads(records):
        mine = [limit for limit in limits if limit["workload"] == name]
        assert sum(limit["read_rate"] is not None for limit in mine) >= 2
    # Before the samples of the first workload, and after those of the last one.
    assert kinds.index("limit") < kinds.index("sample")
    assert kinds[::-1].index("limit") < kinds[::-1].index("sample")
    for row in results.rows(records):
        assert row.floor_seconds is not None
        assert row.times_floor == pytest.approx(row.seconds_median / row.floor_seconds)
        assert row.times_floor > 1


def test_the_memory_of_a_fit_is_recorded(tmp_path: Path) -> None:
    """X in float64, which NumPy works in, is twice as large as X."""
    made = make_plan("20000x50", ["numpy-gelsd"])
    [row] = rows_of(made, tmp_path, budget=None).values()
    if sys.platform == "linux":
        assert row.peak_bytes > 2 * 20_000 * 50 * 4
    else:
        assert row.peak_bytes is None


def test_check_judges_and_does_not_time(tmp_path: Path) -> None:
    rows = rows_of(make_plan("line", ["numpy-gelsd", "scipy-gelsd"]), tmp_path, budget=None)
    assert [row.status for row in rows.values()] == ["not timed", "not timed"]
    assert all(row.passed and row.samples == 0 for row in rows.values())


def test_a_workload_without_a_reference_fails_alone(tmp_path: Path) -> None:
    method = GradientDescent("squared", 1e9, 200, (0.0,), 0.0)
    made = make_plan("line-descent,line", ["numpy-*"])
    wild = replace(made.entries[0].workload, name="wild", method=method)
    entries = [
        replace(entry, workload=wild) if entry.workload.name == "line-descent" else entry
        for entry in made.entries
    ]
    made = replace(made, entries=entries, workloads=[wild, *made.workloads[1:]])
    rows = rows_of(made, tmp_path, budget=0.5)
    assert rows["wild/numpy-loop"].status == "failed"
    assert rows["wild/numpy-loop"].reason == "descent with learning rate 1e+09 diverges; lower it"
    assert rows["line/numpy-gelsd"].passed
    page.write(runfile.read(tmp_path), tmp_path)


def test_the_record_of_a_workload_says_what_is_special(tmp_path: Path) -> None:
    rows_of(make_plan("nist-noint2,odd-twice", ["numpy-gelsd"]), tmp_path, budget=None)
    records = runfile.read(tmp_path)
    known = results.workloads(records)
    assert known["nist-noint2"]["certified"] == [0.727272727272727, 0.0]
    assert known["nist-noint2"]["weight"] is None
    assert (known["odd-twice"]["rank"], known["odd-twice"]["certified"]) == (4, None)
    assert "rank 4" in known["odd-twice"]["note"]
    digits = {v["entry"].split("/")[0]: v["digits"] for v in runfile.of_kind(records, "verdict")}
    assert digits["nist-noint2"]["least"] > 14
    assert digits["odd-twice"] is None
