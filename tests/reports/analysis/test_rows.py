"""Records become rows: ranks, baseline, ratios, and why a row is not ranked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.runfile import Record
from reports.analysis import rows as results
from reports.analysis.rows import EXPORTED, Row

N_ROUNDS = 60


class Run:
    """The records of a run, written by hand."""

    def __init__(self, kind: str = "least squares") -> None:
        self.header: Record = {"record": "header", "entries": [], "absent": []}
        workload = {"record": "workload", "name": "w", "method": {"kind": kind}}
        self.records: list[Record] = [self.header, workload]
        self.rng = np.random.default_rng(12)
        self.drift = np.cumsum(0.05 * self.rng.standard_normal(N_ROUNDS))

    def announce(
        self, backend: str, *, device: str = "cpu", threads: int = 1, known: str = "", w: str = "w"
    ) -> str:
        """Put an entry into the header; its id."""
        entry = f"{w}/{backend}/{device}/{threads}"
        self.header["entries"].append(
            {"entry": entry, "workload": w, "backend": backend, "device": device}
            | {"threads": threads, "framework": "f", "algorithm": "a", "known_failure": known}
            | {"variant_of": None}
        )
        return entry

    def fitted(self, entry: str, reason: str = "", **verdict: Any) -> str:
        """Worker, first fit and verdict of an entry."""
        number = len(self.records)
        fields = {"weight_error": 1e-9, "bound": 1e-7, "checks": []} | verdict
        self.records += [
            {"record": "worker", "worker": number, "import_seconds": 1.0, "start_seconds": 0.5},
            {"record": "fit", "entry": entry, "replicate": 0, "worker": number}
            | {"transfer_seconds": 0.25, "compile_seconds": 2.0},
        ]
        return self.judged(entry, reason, **fields)

    def judged(self, entry: str, reason: str = "", **fields: Any) -> str:
        fields = {"weight_error": 1e-9, "bound": 1e-7, "checks": []} | fields
        self.records.append(
            {"record": "verdict", "entry": entry, "passed": not reason, "reason": reason} | fields
        )
        return entry

    def sampled(self, entry: str, seconds: float, rounds: range = range(N_ROUNDS)) -> str:
        """Samples that share the machine's drift, of four processes."""
        for n in rounds:
            took = seconds * np.exp(self.drift[n] + 0.01 * self.rng.standard_normal())
            fields = {"entry": entry, "replicate": n % 4, "round": n, "seconds": took}
            self.records.append({"record": "sample", **fields})
        return entry

    def timed(self, backend: str, seconds: float, **where: Any) -> str:
        return self.sampled(self.fitted(self.announce(backend, **where)), seconds)

    def failed(self, entry: str, phase: str, reason: str) -> None:
        fields = {"entry": entry, "phase": phase, "reason": reason}
        self.records.append({"record": "failure", **fields})

    def rows(self) -> list[Row]:
        return results.rows(self.records)

    def row(self, entry: str) -> Row:
        [row] = [row for row in self.rows() if row.entry == entry]
        return row


def test_the_fastest_comes_first_and_twins_share_a_place() -> None:
    run = Run()
    for name, seconds in (("d", 4.0), ("b", 2.0), ("c", 2.001), ("a", 1.0), ("e", 4.002)):
        run.timed(name, seconds)
    ranks = [(row.backend, row.rank) for row in run.rows()]
    assert ranks[0] == ("a", "1")
    assert sorted(ranks[1:3]) == [("b", "2="), ("c", "2=")]
    assert sorted(ranks[3:]) == [("d", "4="), ("e", "4=")]


def test_a_restless_entry_ties_no_others_together() -> None:
    run = Run()
    run.timed("a", 1.0)
    run.timed("c", 3.0)
    restless = run.announce("b")
    run.fitted(restless)
    for number in range(N_ROUNDS):
        factor = np.exp(4 * run.rng.standard_normal())
        run.sampled(restless, 1.7 * factor, range(number, number + 1))
    assert {row.backend: row.rank for row in run.rows()} == {"a": "1=", "b": "1=", "c": "2"}


def test_a_ratio_is_paired_and_holds_the_truth() -> None:
    run = Run()
    slow = run.timed("slow", 3.0)
    run.timed("sklearn-linear", 1.0)
    row = run.row(slow)
    assert row.ratio_low < 3.0 < row.ratio_high
    # The machine drifted by half; the times themselves are known far worse than their ratio.
    assert row.ratio_high / row.ratio_low < 1.05 < row.seconds_high / row.seconds_low
    base = next(row for row in run.rows() if row.backend == "sklearn-linear")
    assert (base.ratio, base.ratio_low, base.ratio_high) == (1, 1, 1)


def test_more_rows_make_each_interval_wider() -> None:
    widths = []
    for extra in (0, 5):
        run = Run()
        run.timed("sklearn-linear", 1.0)
        slow = run.timed("slow", 3.0)
        for number in range(extra):
            run.timed(f"x{number}", 10.0 + number)
        row = run.row(slow)
        widths.append(row.ratio_high / row.ratio_low)
    assert widths[1] > 1.005 * widths[0]


@pytest.mark.parametrize(
    ("kind", "baseline"),
    [("least squares", "sklearn-linear"), ("gradient descent", "torch-eager")],
)
def test_the_baseline_is_what_most_people_use(kind: str, baseline: str) -> None:
    run = Run(kind)
    for name, seconds in (("quick", 1.0), ("sklearn-linear", 2.0), ("torch-eager", 3.0)):
        run.timed(name, seconds)
    assert {row.baseline for row in run.rows()} == {baseline}


def test_the_baseline_on_the_cpu_goes_before_that_on_a_gpu() -> None:
    run = Run("gradient descent")
    run.timed("torch-eager", 1.0, device="cuda:0")
    on_cpu = run.timed("torch-eager", 5.0)
    run.timed("other", 2.0)
    assert run.row(on_cpu).ratio == 1
    [name] = {row.baseline for row in run.rows()}
    assert name.startswith("torch-eager (cpu")


@pytest.mark.parametrize("trouble", ["failed", "not timed", "not there"])
def test_without_the_usual_baseline_it_is_the_fastest(trouble: str) -> None:
    run = Run()
    if trouble != "not there":
        usual = run.fitted(run.announce("sklearn-linear"))
        if trouble == "failed":
            run.judged(run.sampled(usual, 1.0), "is off")
    run.timed("slow", 3.0)
    quick = run.timed("quick", 2.0)
    assert {row.baseline for row in run.rows()} == {"quick"}
    assert run.row(quick).ratio == 1


def test_a_row_that_failed_has_its_reason_and_no_place_however_fast() -> None:
    run = Run()
    entry = run.sampled(run.fitted(run.announce("wrong"), "coefficients are off"), 1e-3)
    run.timed("right", 1.0)
    row = run.row(entry)
    assert (row.status, row.passed, row.reason) == ("failed", False, "coefficients are off")
    assert (row.rank, row.ratio) == ("", None)
    assert [r.backend for r in run.rows()] == ["right", "wrong"]


def test_a_known_failure_is_in_the_reason_only_when_it_happens() -> None:
    run = Run()
    fails = run.fitted(run.announce("a", known="drops directions"), "coefficients are off")
    passes = run.sampled(run.fitted(run.announce("b", known="drops directions")), 1.0)
    assert run.row(fails).reason == "coefficients are off; known: drops directions"
    assert run.row(passes).reason == ""
    crashed = run.announce("c", known="drops directions")
    run.failed(crashed, "fit", "was killed by SIGSEGV")
    assert run.row(crashed).reason == "was killed by SIGSEGV; known: drops directions"
    for phase, reason in (("absent", "is not installed"), ("start", "its worker was lost")):
        lost = run.announce(f"d-{phase}", known="drops directions")
        run.failed(lost, phase, reason)
        assert run.row(lost).reason == reason
    assert run.row(fails).known_failure == run.row(passes).known_failure == "drops directions"


def test_one_refusal_counts_more_than_any_pass() -> None:
    """Of four processes one failed; or the last fit failed after the first had passed."""
    run = Run()
    entry = run.sampled(run.fitted(run.announce("a")), 1.0)
    run.judged(entry, "off by then", weight_error=0.5)
    run.judged(entry)
    row = run.row(entry)
    assert (row.status, row.reason, row.weight_error) == ("failed", "off by then", 0.5)


@pytest.mark.parametrize(("phase", "status"), [("absent", "absent"), ("sample", "failed")])
def test_a_failure_gives_its_reason(phase: str, status: str) -> None:
    run = Run()
    entry = run.announce("a")
    if phase == "sample":
        run.sampled(run.fitted(entry), 1.0)
    run.failed(entry, phase, "was killed by SIGKILL")
    row = run.row(entry)
    assert (row.status, row.reason, row.rank) == (status, "was killed by SIGKILL", "")


def test_rows_of_a_run_that_was_cut_off() -> None:
    run = Run()
    run.announce("unknown")
    fitted = run.fitted(run.announce("fitted"))
    run.announce("x", w="later")
    assert [(row.workload, row.backend, row.status) for row in run.rows()] == [
        ("w", "fitted", "not timed"),
        ("w", "unknown", "not reached"),
        ("later", "x", "not reached"),
    ]
    row = run.row(fitted)
    assert (row.passed, row.samples, row.seconds_median, row.ratio, row.baseline) == (
        *(True, 0, None, None),
        None,
    )
    assert [row.reason for row in run.rows()] == ["", "not reached", "not reached"]


def test_a_run_with_nothing_but_its_header_has_rows() -> None:
    run = Run()
    run.announce("a")
    [row] = results.rows([run.header])
    assert (row.status, row.once_seconds, row.weight_error) == ("not reached", None, None)


def test_the_time_that_a_user_waits_who_fits_once() -> None:
    run = Run()
    entry = run.timed("a", 1e-3)
    row = run.row(entry)
    assert (row.import_seconds, row.start_seconds) == (1.0, 0.5)
    assert (row.transfer_seconds, row.compile_seconds) == (0.25, 2.0)
    assert row.once_seconds == 3.75


def test_numbers_that_are_not_finite_are_read() -> None:
    run = Run()
    entry = run.fitted(run.announce("a"), "NaN", weight_error="nan", bound="inf")
    row = run.row(entry)
    assert np.isnan(row.weight_error)
    assert row.bound == float("inf")


def test_what_is_exported_ends_where_the_reports_own_begins() -> None:
    assert EXPORTED[0] == "workload"
    assert EXPORTED[-1] == "peak_bytes"
    assert not {"entry", "times", "fit"} & set(EXPORTED)
