"""How numbers and names are put in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.estimates import Estimate
from reports import text
from reports.analysis.rows import Row, rows
from tests.reports import runs

NAN, INF = float("nan"), float("inf")


@pytest.fixture(scope="module")
def row() -> Row:
    return rows(runs.run(("line",), only=("numpy-gelsd", "sklearn-linear")))[0]


@pytest.mark.parametrize(
    ("value", "shown"),
    [
        (None, "–"),
        (0.0, "0 s"),
        (20e-6, "20.0 µs"),
        (0.001399, "1.40 ms"),
        (0.99951, "1.00 s"),
        (0.132, "132 ms"),
        (9.996, "10.0 s"),
        (1234.5, "1234 s"),
        (3e-10, "0.300 ns"),
    ],
)
def test_a_time_has_three_digits_and_its_natural_unit(value: float | None, shown: str) -> None:
    assert text.seconds(value).replace("\xa0", " ") == shown


def test_an_interval_has_the_unit_and_the_digits_of_its_time() -> None:
    time = Estimate(0.0014, 0.000987, 0.01234)
    assert (text.seconds(time), text.between(time)) == ("1.40\xa0ms", "0.99 to 12.34")


@pytest.mark.parametrize(
    ("low", "high", "shown"),
    [
        (1.002, 1.006, ("1.004×", "1.002 to 1.006")),
        (128, 137, ("132×", "128 to 137")),
        (0.98, 1.03, ("1.00×", "0.98 to 1.03")),
        (1.00001, 1.00002, ("1.0000×", "1.0000 to 1.0000")),
    ],
)
def test_a_ratio_has_the_digits_that_tell_it_from_1(
    low: float, high: float, shown: tuple[str, str]
) -> None:
    middle = {137: 132.0, 1.03: 1.0}.get(high, (low + high) / 2)
    assert text.factor(Estimate(middle, low, high)) == shown


def test_faster_and_slower_are_said_of_the_row_not_of_its_baseline(row: Row) -> None:
    half = replace(row, ratio=Estimate(0.5, 0.4, 0.625))
    twice = replace(row, ratio=Estimate(2.0, 1.6, 2.5))
    assert text.against(half) == ("2.00× faster", "1.60 to 2.50")
    assert text.against(twice) == ("2.00× slower", "1.60 to 2.50")


def test_an_interval_around_1_cannot_tell(row: Row) -> None:
    same = replace(row, ratio=Estimate(1.01, 0.8, 1.25))
    assert text.against(same) == ("cannot tell", "0.80 to 1.25×")


def test_the_baseline_is_not_compared_with_itself() -> None:
    run = runs.run(("line",), only=("sklearn-linear", "numpy-gelsd"), threads=(1, 4))
    found = rows(run)
    [base] = [row for row in found if text.against(row) == ("baseline", "")]
    assert {row.baseline for row in found} == {f"sklearn-linear (cpu, {base.entry.threads})"}
    [twin] = [r for r in found if r.entry.backend == "sklearn-linear" and r is not base]
    assert text.against(twin)[0] == "cannot tell"


def test_without_a_ratio_there_is_nothing_to_say(row: Row) -> None:
    assert text.against(replace(row, ratio=None)) == (text.MISSING, "")


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), (NAN, "not a number"), (INF, "infinite"), (0, "0"), (3.14e-7, "3.1e-07")],
)
def test_errors_may_be_no_numbers(value: float | None, shown: str) -> None:
    assert text.error(value) == shown


def test_labels_name_what_tells_entries_apart_and_nothing_else(row: Row) -> None:
    plain, one = runs.entry("w", "a"), runs.entry("w", "b")
    four = runs.entry("w", "b", "cuda:0", threads=4)
    shown = text.labels(replace(row, entry=entry) for entry in (plain, one, four))
    assert shown == {
        plain.id: "a",
        one.id: "b (cpu, 1 thread)",
        four.id: "b (cuda:0, 4 threads)",
    }
