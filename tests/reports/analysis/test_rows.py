"""Records become rows: ranks, baseline, ratios, and why a row is not ranked."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks import estimates
from benchmarks.estimates import Estimate
from benchmarks.runfile.header import EntryRecord
from benchmarks.runfile.records import FailureRecord, FitRecord, Record, SampleRecord, WorkerRecord
from reports.analysis import rows as results
from reports.analysis.rows import Row
from tests.reports import runs

N_ROUNDS = 60


class Draft:
    """The records of a run, written by hand."""

    def __init__(self, method: str = "least squares") -> None:
        self.entries: list[EntryRecord] = []
        self.records: list[Record] = [runs.plain("w", method)]
        self.rng = np.random.default_rng(12)
        self.drift = np.cumsum(0.05 * self.rng.standard_normal(N_ROUNDS))

    def announce(
        self, backend: str, *, device: str = "cpu", threads: int = 1, known: str = "", w: str = "w"
    ) -> str:
        """Put an entry into the header; its id."""
        self.entries.append(runs.entry(w, backend, device, threads, known_failure=known))
        return self.entries[-1].id

    def fitted(self, entry: str, reason: str = "", **verdict: Any) -> str:
        """Worker, first fit and verdict of an entry."""
        number = len(self.records)
        phases = {"transfer_seconds": 0.25, "compile_seconds": 2.0}
        self.records += [
            WorkerRecord(worker=number, import_seconds=1.0, start_seconds=0.5),
            FitRecord(entry=entry, worker=number, **phases),  # type: ignore[arg-type]
        ]
        return self.judged(entry, reason, **verdict)

    def judged(self, entry: str, reason: str = "", **fields: Any) -> str:
        self.records.append(runs.judged(entry, reason, **fields))
        return entry

    def sampled(self, entry: str, seconds: float, rounds: range = range(N_ROUNDS)) -> str:
        """Samples that share the machine's drift, of four processes."""
        for n in rounds:
            took = seconds * np.exp(self.drift[n] + 0.01 * self.rng.standard_normal())
            self.records.append(SampleRecord(entry=entry, replicate=n % 4, round=n, seconds=took))
        return entry

    def timed(self, backend: str, seconds: float, **where: Any) -> str:
        return self.sampled(self.fitted(self.announce(backend, **where)), seconds)

    def failed(self, entry: str, phase: str, reason: str) -> None:
        self.records.append(FailureRecord(entry=entry, phase=phase, reason=reason))

    def rows(self) -> list[Row]:
        return results.rows(runs.of(runs.header(self.entries), *self.records))

    def row(self, entry: str) -> Row:
        [row] = [row for row in self.rows() if row.entry.id == entry]
        return row


def backends(rows: list[Row]) -> list[tuple[str, str]]:
    """Backend and place of each."""
    return [(row.entry.backend, row.place) for row in rows]


def test_the_fastest_comes_first_and_twins_share_a_place() -> None:
    run = Draft()
    for name, seconds in (("d", 4.0), ("b", 2.0), ("c", 2.001), ("a", 1.0), ("e", 4.002)):
        run.timed(name, seconds)
    ranks = backends(run.rows())
    assert ranks[0] == ("a", "1")
    assert sorted(ranks[1:3]) == [("b", "2–3"), ("c", "2–3")]
    assert sorted(ranks[3:]) == [("d", "4–5"), ("e", "4–5")]


def test_a_restless_entry_ties_no_others_together() -> None:
    run = Draft()
    run.timed("a", 1.0)
    run.timed("c", 3.0)
    restless = run.announce("b")
    run.fitted(restless)
    for number in range(N_ROUNDS):
        factor = np.exp(4 * run.rng.standard_normal())
        run.sampled(restless, 1.7 * factor, range(number, number + 1))
    assert backends(run.rows()) == [("a", "1–2"), ("b", "1–3"), ("c", "2–3")]


def test_places_read_from_top_to_bottom() -> None:
    """Whatever scatters how much: by the better ends, then by the worse ones."""
    run = Draft()
    for number in range(9):
        entry = run.fitted(run.announce(f"b{number}"))
        reach = float(run.rng.choice([0.01, 0.5, 2.0]))
        for turn in range(N_ROUNDS):
            took = 1.5**number * np.exp(reach * run.rng.standard_normal())
            run.sampled(entry, took, range(turn, turn + 1))
    places = [place for _, place in backends(run.rows())]
    ends = [tuple(map(int, (place.split("–") * 2)[:2])) for place in places]
    assert ends == sorted(ends)
    assert len(set(ends)) > 3
    assert all(best <= worst for best, worst in ends)


def test_a_ratio_is_paired_and_holds_the_truth() -> None:
    run = Draft()
    slow = run.timed("slow", 3.0)
    run.timed("sklearn-linear", 1.0)
    row = run.row(slow)
    assert row.ratio is not None
    assert row.time is not None
    assert row.ratio.low < 3.0 < row.ratio.high
    # The machine drifted by half; the times themselves are known far worse than their ratio.
    assert row.ratio.high / row.ratio.low < 1.05 < row.time.high / row.time.low
    [base] = [row for row in run.rows() if row.is_baseline]
    assert base.entry.backend == row.baseline == "sklearn-linear"
    assert base.ratio == Estimate(1, 1, 1)


def test_intervals_of_many_rows_are_wider_than_those_of_a_pair() -> None:
    run = Draft()
    usual, slow = run.timed("sklearn-linear", 1.0), run.timed("slow", 3.0)
    for number in range(5):
        run.timed(f"x{number}", 10.0 + number)
    row, baseline = run.row(slow), run.row(usual)
    alone = estimates.ratio(row.times, baseline.times, known=row.scatter)
    assert row.ratio is not None
    assert alone is not None
    assert row.ratio.precision > 1.3 * alone.precision


@pytest.mark.parametrize(
    ("kind", "baseline"),
    [("least squares", "sklearn-linear"), ("gradient descent", "torch-eager")],
)
def test_the_baseline_is_what_most_people_use(kind: str, baseline: str) -> None:
    run = Draft(kind)
    for name, seconds in (("quick", 1.0), ("sklearn-linear", 2.0), ("torch-eager", 3.0)):
        run.timed(name, seconds)
    assert {row.baseline for row in run.rows()} == {baseline}


def test_the_baseline_on_the_cpu_goes_before_that_on_a_gpu() -> None:
    run = Draft("gradient descent")
    run.timed("torch-eager", 1.0, device="cuda:0")
    on_cpu = run.timed("torch-eager", 5.0)
    run.timed("other", 2.0)
    assert run.row(on_cpu).is_baseline
    [name] = {row.baseline for row in run.rows()}
    assert name.startswith("torch-eager (cpu")


@pytest.mark.parametrize("trouble", ["failed", "not timed", "not there"])
def test_without_the_usual_baseline_it_is_the_fastest(trouble: str) -> None:
    run = Draft()
    if trouble != "not there":
        usual = run.fitted(run.announce("sklearn-linear"))
        if trouble == "failed":
            run.judged(run.sampled(usual, 1.0), "is off")
    run.timed("slow", 3.0)
    quick = run.timed("quick", 2.0)
    assert {row.baseline for row in run.rows()} == {"quick"}
    assert run.row(quick).is_baseline


def test_a_row_that_failed_has_its_reason_and_no_place_however_fast() -> None:
    run = Draft()
    entry = run.sampled(run.fitted(run.announce("wrong"), "coefficients are off"), 1e-3)
    run.timed("right", 1.0)
    row = run.row(entry)
    assert (row.status, row.passed, row.reason) == ("failed", False, "coefficients are off")
    assert (row.place, row.ratio) == ("", None)
    assert backends(run.rows()) == [("right", "1"), ("wrong", "")]


def test_a_known_failure_is_in_the_reason_only_when_it_happens() -> None:
    run = Draft()
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


def test_one_refusal_counts_more_than_any_pass() -> None:
    """Of four processes one failed; or the last fit failed after the first had passed."""
    run = Draft()
    entry = run.sampled(run.fitted(run.announce("a")), 1.0)
    run.judged(entry, "off by then", weight_error=0.5)
    run.judged(entry)
    row = run.row(entry)
    assert (row.status, row.reason) == ("failed", "off by then")
    assert row.verdict is not None
    assert row.verdict.weight_error == 0.5


@pytest.mark.parametrize(("phase", "status"), [("absent", "absent"), ("sample", "failed")])
def test_a_failure_gives_its_reason(phase: str, status: str) -> None:
    run = Draft()
    entry = run.announce("a")
    if phase == "sample":
        run.sampled(run.fitted(entry), 1.0)
    run.failed(entry, phase, "was killed by SIGKILL")
    row = run.row(entry)
    assert (row.status, row.reason, row.place) == (status, "was killed by SIGKILL", "")


def test_rows_of_a_run_that_was_cut_off() -> None:
    run = Draft()
    run.announce("unknown")
    fitted = run.fitted(run.announce("fitted"))
    run.announce("x", w="later")
    assert [(row.entry.workload, row.entry.backend, row.status) for row in run.rows()] == [
        ("w", "fitted", "not timed"),
        ("w", "unknown", "not reached"),
        ("later", "x", "not reached"),
    ]
    row = run.row(fitted)
    assert (row.passed, row.samples, row.time, row.ratio, row.baseline) == (True, 0, None, None, "")
    assert [row.reason for row in run.rows()] == ["", "not reached", "not reached"]


def test_a_run_with_nothing_but_its_header_has_rows() -> None:
    run = Draft()
    run.announce("a")
    [row] = results.rows(runs.of(runs.header(run.entries)))
    assert (row.status, row.once, row.verdict, row.coefficients) == ("not reached", *[None] * 3)


def test_the_time_that_a_user_waits_who_fits_once() -> None:
    run = Draft()
    entry = run.timed("a", 1e-3)
    row = run.row(entry)
    phases = {"import": 1.0, "device start": 0.5, "transfer": 0.25, "first fit": 2.0}
    assert row.phases == phases
    assert list(row.phases) == list(phases)
    assert row.once == 3.75


def test_a_phase_that_is_not_known_leaves_the_sum_unknown() -> None:
    run = Draft()
    entry = run.announce("a")
    run.records.append(FitRecord(entry=entry, compile_seconds=2.0))
    row = run.row(entry)
    assert row.phases["first fit"] == 2.0
    assert row.once is None


@pytest.mark.parametrize(
    ("fit", "passed", "known"),
    [
        ({"weight": [1.0] * 10, "bias": 3.0}, True, True),
        ({"weight": [1.0] * 10, "bias": 3.0}, False, False),
        ({"weight": [float("nan")] * 10, "bias": 3.0}, True, False),
        ({"weight": None, "bias": 3.0}, True, False),
        ({"weight": [1.0] * 10, "bias": None}, True, False),
        ({"weight": [1.0] * 9, "bias": 3.0}, True, False),  # of data with ten features
        ({"weight": [], "bias": 3.0}, True, False),
    ],
)
def test_coefficients_are_those_of_a_right_fit_of_numbers(
    fit: dict[str, Any], passed: bool, known: bool
) -> None:
    run = Draft()
    entry = run.announce("a")
    run.records.append(FitRecord(entry=entry, **fit))
    found = run.row(run.judged(entry, "" if passed else "off")).coefficients
    assert (None if found is None else found.tolist()) == ([*[1.0] * 10, 3.0] if known else None)


@pytest.mark.parametrize(
    ("device", "seconds", "status"),
    [("cpu", 0.1, "failed"), ("cpu", 0.9, "passed"), ("cuda:0", 0.1, "passed")],
)
def test_a_time_in_which_the_data_cannot_be_read_is_none(
    device: str, seconds: float, status: str
) -> None:
    """X and y are 100 x 11 numbers of 4 bytes, and the machine reads 4,400 bytes a second."""
    run = Draft()
    run.records.append(runs.limit("w", "numpy", device=device, read_rate=4400.0))
    row = run.row(run.timed("quick", seconds, device=device))
    assert row.status == status
    assert row.passed == (status == "passed")
    if status == "failed":
        assert "where this machine needs 1e+06 µs to read the data once" in row.reason
        assert row.place == ""


def test_what_was_not_judged_is_neither_right_nor_wrong() -> None:
    run = Draft()
    run.timed("right", 1.0)
    open_ = run.fitted(run.announce("open"), "no digit is certain", judged=False)
    row = run.row(open_)
    assert (row.status, row.passed, row.place) == ("not judged", False, "")
    assert row.reason == "no digit is certain"
    # A later fit that fails is more.
    run.judged(open_, "is off")
    assert run.row(open_).status == "failed"
