"""The sentence that answers a workload."""

from __future__ import annotations

import re
from dataclasses import replace

from benchmarks.runfile.records import SampleRecord
from benchmarks.runfile.run import Run
from reports import answer
from reports.analysis.rows import rows
from tests.reports import runs


def _said(run: Run) -> str:
    """The sentence, with (…) for intervals: how wide they are is not a report's business."""
    said = answer.sentence(rows(run)).replace("\xa0", " ")
    return re.sub(r"\([\d.]+ to [\d.]+\)", "(…)", said)


def test_who_comes_in_two_speeds_is_said_to() -> None:
    def by_process(sample: SampleRecord) -> SampleRecord:
        replicate = sample.round % 2
        slow = "numpy-gelsd" in sample.entry and replicate
        return replace(sample, replicate=replicate, seconds=sample.seconds * (3 if slow else 1))

    made = runs.altered(runs.run(("line",), rounds=40), SampleRecord, by_process)
    said = _said(made)
    assert re.search(r"numpy-gelsd comes in two speeds: \d+\.?\d* µs and \d+\.?\d* µs\.", said)
    assert said.count("two speeds") == 1


def _steady(**seconds: float) -> Run:
    """A run on `line` in which each backend takes the same time in every round."""
    names = {name.replace("_", "-"): value for name, value in seconds.items()}
    return runs.altered(
        runs.run(("line",), only=tuple(names)),
        SampleRecord,
        lambda sample: replace(sample, seconds=names[sample.entry.split("/")[1]]),
    )


def test_the_fastest_is_named_with_its_lead_over_the_baseline() -> None:
    said = _said(_steady(torch_gelsy=1e-3, sklearn_linear=5e-3, tensorflow_qr=9e-3))
    lead = "5.00× faster than sklearn-linear (…)"
    assert said == f"torch-gelsy is the fastest that is right: {lead}."


def test_a_baseline_that_wins_is_compared_with_the_next() -> None:
    said = _said(_steady(sklearn_linear=1e-3, torch_gelsy=3e-3))
    assert said == (
        "sklearn-linear is the fastest that is right, at 1.00 ms a fit; "
        "next is torch-gelsy, 3.00× slower (…)."
    )


def test_a_tie_is_said_as_a_tie() -> None:
    said = _said(_steady(numpy_gelsd=1e-3, torch_gelsy=1e-3, sklearn_linear=4e-3))
    assert said == (
        "numpy-gelsd shares the first place with torch-gelsy, not to be told apart: "
        "4.00× faster than sklearn-linear (…)."
    )


def test_a_tie_with_the_baseline_claims_no_lead() -> None:
    said = _said(_steady(numpy_gelsd=1e-3, sklearn_linear=1e-3))
    assert said.startswith("numpy-gelsd shares the first place with sklearn-linear, ")
    assert "faster" not in said
    assert "not to be told from sklearn-linear (" in said


def test_a_baseline_that_shares_the_first_place_is_not_held_against_itself() -> None:
    said = _said(_steady(sklearn_linear=1e-3, torch_gelsy=1.0001e-3))
    assert said == (
        "sklearn-linear shares the first place with torch-gelsy, not to be told apart: "
        "about 1.00 ms a fit."
    )


def test_of_many_that_share_the_place_some_are_named() -> None:
    names = ("numpy_gelsd", "torch_gelsy", "torch_cholesky", "tensorflow_qr", "sklearn_linear")
    said = _said(_steady(**dict.fromkeys(names[:3], 1e-3)))
    assert "with torch-gelsy and torch-cholesky, not to be told apart" in said
    said = _said(_steady(**dict.fromkeys(names, 1e-3), tensorflow_cholesky=1e-3))
    assert re.search(r"with [a-z-]+, [a-z-]+, [a-z-]+ and 2 more, not to be told apart", said)


def test_where_a_tuned_one_wins_the_fastest_idiomatic_one_is_named_too() -> None:
    run = _steady(torch_gelsy=1e-3, sklearn_linear=5e-3, tensorflow_qr=9e-3)
    assert "idiomatic" not in _said(run)
    entries = [
        replace(e, style="tuned") if e.backend == "torch-gelsy" else e for e in run.header.entries
    ]
    said = _said(runs.with_header(run, entries=entries))
    assert said.endswith("The fastest idiomatic one is sklearn-linear, at 5.00 ms a fit.")


def test_the_next_one_is_certain_or_says_who_shares_that() -> None:
    said = _said(_steady(sklearn_linear=1e-3, torch_gelsy=3e-3, numpy_gelsd=3e-3))
    assert said.endswith(
        "next are numpy-gelsd and torch-gelsy, not to be told apart: "
        "numpy-gelsd is 3.00× slower (…)."
    )


def test_the_fastest_idiomatic_one_is_certain_or_says_who_shares_that() -> None:
    run = _steady(torch_gelsy=1e-3, sklearn_linear=5e-3, tensorflow_qr=5e-3, numpy_gelsd=9e-3)
    entries = [
        replace(e, style="tuned") if e.backend == "torch-gelsy" else e for e in run.header.entries
    ]
    said = _said(runs.with_header(run, entries=entries))
    shared = "sklearn-linear shares the first place with tensorflow-qr, at 5.00 ms a fit."
    assert said.endswith(f"Of the idiomatic ones {shared}")
    assert "fastest idiomatic" not in said


def test_a_ratio_of_which_nothing_is_known_is_not_printed() -> None:
    """Three rounds in which one entry takes from a microsecond to an hour."""
    wild = iter([1e-6, 1.0, 3600.0])
    run = runs.run(("line",), rounds=3, only=("torch-gelsy", "sklearn-linear"))
    run = runs.altered(
        run,
        SampleRecord,
        lambda s: replace(s, seconds=next(wild)) if "sklearn" in s.entry else s,
    )
    said = _said(run)
    assert "shares the first place" in said
    assert re.search(r"not to be told apart: about [\d.]+ [mµ]?s a fit\.$", said)


def test_those_that_are_right_and_were_not_timed_are_counted() -> None:
    run = _steady(torch_gelsy=1e-3, sklearn_linear=5e-3, numpy_gelsd=9e-3, tensorflow_qr=9e-3)
    for number, names in enumerate((("numpy-gelsd",), ("numpy-gelsd", "tensorflow-qr"))):
        left = runs.altered(
            run, SampleRecord, lambda s, n=names: None if s.entry.split("/")[1] in n else s
        )
        end = ("1 other is right, but was not timed.", "2 others are right, but were not timed.")
        assert _said(left).endswith(f"(…). {end[number]}")


def test_one_that_is_wrong_does_not_win() -> None:
    run = _steady(torch_gelsy=1e-3, sklearn_linear=5e-3)
    assert _said(run).startswith("torch-gelsy")
    failed = runs.fail(run, "line/torch-gelsy/cpu/1", "wrong")
    assert _said(failed) == "sklearn-linear is the only one that is right and timed: 5.00 ms a fit."


def test_a_check_counts_those_that_passed() -> None:
    run = runs.run(("line",), rounds=0, only=("torch-gelsy", "sklearn-linear"))
    assert _said(run) == "2 of 2 fits passed; none was timed."
    failed = runs.fail(run, "line/torch-gelsy/cpu/1", "wrong")
    assert _said(failed) == "1 of 2 fits passed; none was timed."


def test_nothing_measured_is_no_failure() -> None:
    run = runs.run(("line",), rounds=0)
    assert _said(runs.of(run.header)) == "Nothing was measured."
