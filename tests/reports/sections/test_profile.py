"""What to take, in words, and where it is said."""

from __future__ import annotations

import io
import re
from dataclasses import replace
from pathlib import Path

from rich.console import Console

from benchmarks.runfile.records import SampleRecord, VerdictRecord, WorkloadRecord
from benchmarks.runfile.run import Run
from reports import answer
from reports.analysis.rows import rows
from reports.terminal import document as terminal
from tests.reports import runs
from tests.reports.analysis.test_profiles import TIMES, taking
from tests.reports.pages import documented, written


def said(run: Run) -> list[str]:
    """What to take, with (…) for intervals."""
    found = [f"{one.about}: {one.take}. {one.reason}" for one in documented(run).advice]
    return [re.sub(r"\([\d.]+ to [\d.]+", "(…", one).replace("\xa0", " ") for one in found]


def tuned(run: Run, *backends: str) -> Run:
    return runs.with_header(
        run,
        entries=[
            replace(e, style="tuned" if e.backend in backends else "idiomatic")
            for e in run.header.entries
        ],
    )


def test_what_is_never_far_from_the_fastest_is_to_be_taken() -> None:
    assert said(tuned(taking(TIMES), "torch-cholesky")) == [
        "Least squares: torch-cholesky. Right on both workloads, at most 1.50 times the time of "
        "the fastest (…, on tall); geometric mean 1.40 times (…). Certain.",
        "Least squares, if it has to be idiomatic: torch-gelsy. Right on both workloads, at most "
        "3.00 times the time of the fastest (…, on wide). Certain.",
    ]


def test_one_that_is_idiomatic_itself_needs_no_other() -> None:
    [alone] = said(taking(TIMES))
    assert "idiomatic" not in alone


def test_one_that_is_the_fastest_everywhere_is_so_for_certain() -> None:
    [alone] = said(taking(TIMES | {"torch-gelsy": (0.5, 0.5)}))
    assert alone == (
        "Least squares: torch-gelsy. Right on both workloads, the fastest on each. Certain."
    )


def test_what_is_not_certain_names_who_may_be_as_good() -> None:
    [alone] = said(taking(TIMES | {"torch-cholesky": (3.0, 3.0)}, rounds=12))
    assert re.search(r"Not certain: torch-(gelsy|cholesky) may be as good\.$", alone)


def test_nobody_is_right_everywhere() -> None:
    run = taking(TIMES)
    for number, backend in enumerate(TIMES):
        run = runs.fail(run, f"{('tall', 'wide')[number % 2]}/{backend}/cpu/1", "wrong")
    assert said(run)[0].split(". ")[1].startswith("Right on 1 of 2 workloads, ")


def test_one_that_is_right_on_more_but_not_timed_there_is_named() -> None:
    run = taking({name: TIMES[name] for name in ("torch-gelsy", "sklearn-linear")})
    run = runs.altered(
        runs.fail(run, "wide/sklearn-linear/cpu/1", "wrong"),
        SampleRecord,
        lambda s: None if s.entry.startswith("tall/torch") else s,
    )
    assert said(run) == [
        "Least squares: sklearn-linear. Right on 1 of 2 workloads, the fastest there. "
        "Not certain: torch-gelsy may be as good."
    ]


def test_ill_conditioned_data_need_one_that_is_accurate() -> None:
    run = tuned(taking(TIMES), "torch-cholesky")
    run = runs.altered(
        run, WorkloadRecord, lambda w: replace(w, condition=1e5 if w.name == "wide" else 1.0)
    )
    run = runs.altered(
        run,
        VerdictRecord,
        lambda v: replace(v, weight_error=1e-3 if "torch-cholesky" in v.entry else 2e-6),
    )
    assert said(run)[-1] == (
        "Least squares, for ill-conditioned data: numpy-gelsd. Error 2.0e-06 on wide, against "
        "1.0e-03 of torch-cholesky; the fastest there. Certain."
    )


def test_a_single_workload_has_its_own_sentence() -> None:
    run = runs.run(("line",))
    [alone] = documented(run).advice
    assert alone.reason == f"On line: {answer.sentence(rows(run))}"
    assert not documented(runs.run(("line",), rounds=0)).advice


def test_sizes_do_not_outvote_the_rest_and_count_where_there_is_none() -> None:
    sizes, own = runs.sizes(), runs.run(("line", "tall"))
    more = [runs.entry(f"{size}x10", "numpy-gelsd") for size in range(7, 14)]  # not reached
    many = [*sizes.header.entries, *more]
    [alone] = documented(runs.with_header(sizes, entries=many)).advice
    assert "Right on all 6 workloads" in alone.reason
    header = replace(own.header, entries=[*own.header.entries, *many])
    [advice] = documented(runs.of(header, *sizes.records[1:-1], *own.records[1:])).advice
    assert "Right on both workloads" in advice.reason


def test_page_summary_and_terminal_say_the_same(tmp_path: Path) -> None:
    run = tuned(runs.run(("line", "tall", "tutorial")), "torch-cholesky")
    source = written(run, tmp_path)
    summary = (tmp_path / "summary.md").read_text(encoding="utf-8")
    out = io.StringIO()
    found = documented(run)
    terminal.show(found, Console(file=out, width=1000, color_system=None))
    assert len(found.advice) > 1
    for one in found.advice:
        assert f"<b>{one.take}</b>" in source
        assert one.why in source
        assert f"- {one.about}: **{one.take}**. {one.reason}" in summary.replace("\\", "")
        assert f"{one.about}: take {one.take}. {one.reason}" in out.getvalue()
    assert (tmp_path / "figures/profiles-1.svg").exists()
    assert not (tmp_path / "figures/profiles-2.svg").exists()  # one workload has no profile
