"""How numbers and names are put in words."""

from __future__ import annotations

from dataclasses import replace

import pytest

from benchmarks.estimates import Estimate
from reports import text
from reports.analysis.rows import Row, rows
from tests.reports import runs


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
    assert text.seconds(0.0014, 0.000987, 0.01234).replace("\xa0", " ") == "1.40 ms (0.99 to 12.34)"


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
    half = replace(row, ratio=0.5, ratio_low=0.4, ratio_high=0.625)
    twice = replace(row, ratio=2.0, ratio_low=1.6, ratio_high=2.5)
    assert text.against(half) == ("2.00× faster", "1.60 to 2.50")
    assert text.against(twice) == ("2.00× slower", "1.60 to 2.50")


def test_an_interval_around_1_cannot_tell(row: Row) -> None:
    same = replace(row, ratio=1.01, ratio_low=0.8, ratio_high=1.25)
    assert text.against(same) == ("cannot tell", "0.80 to 1.25×")


def test_the_baseline_is_not_compared_with_itself(row: Row) -> None:
    itself = replace(row, backend="x", baseline="x", ratio=1.0, ratio_low=0.5, ratio_high=2.0)
    assert text.against(itself) == ("baseline", "")
    assert text.against(replace(itself, backend="y"))[0] == "cannot tell"
    with_more_threads = replace(itself, ratio=0.5, ratio_low=0.4, ratio_high=0.625)
    assert text.against(with_more_threads)[0] == "2.00× faster"


@pytest.mark.parametrize(
    ("value", "shown"),
    [(None, "–"), ("nan", "not a number"), ("inf", "infinite"), (0, "0"), (3.14e-7, "3.1e-07")],
)
def test_errors_may_be_no_numbers(value: object, shown: str) -> None:
    assert text.error(value) == shown


def test_a_line_has_nothing_that_moves_a_cursor_or_breaks_a_file() -> None:
    hostile = "a\nb\x1b[31mc\u202ed\ud800"
    assert text.line(hostile) == "a b [31mc d?"
    text.line(hostile).encode()


def test_labels_name_what_tells_entries_apart_and_nothing_else(row: Row) -> None:
    plain = replace(row, backend="a", entry="1")
    one = replace(row, backend="b", entry="2", threads=1)
    four = replace(row, backend="b", entry="3", threads=4, device="cuda:0")
    assert text.labels([plain, one, four]) == {
        "1": "a",
        "2": "b (cpu, 1 thread)",
        "3": "b (cuda:0, 4 threads)",
    }
