"""The results in a terminal."""

from __future__ import annotations

import io

import pytest
from rich.console import Console

from benchmarks.runfile.run import Run
from reports.analysis.rows import rows
from reports.terminal import table
from tests.reports import runs


@pytest.fixture(scope="module")
def full() -> Run:
    return runs.full()


def _shown(run: Run, width: int = 140) -> str:
    out = io.StringIO()
    table.show(rows(run), Console(file=out, width=width, color_system=None))
    return out.getvalue().replace("\xa0", " ")


def test_every_workload_has_its_answer_and_every_entry_its_line(full: Run) -> None:
    shown = _shown(full)
    for row in rows(full):
        assert row.entry.backend in shown
    assert "tensorflow-xla is the fastest that is right" in shown


def test_what_failed_is_apart_with_its_reason(full: Run) -> None:
    (line,) = [line for line in _shown(full).splitlines() if "failed:" in line]
    reason = "weights are off by 3.2e+01, bound 4.1e-09 (numerical)"
    assert line.strip() == f"failed: tensorflow-cholesky: {reason}"


def test_device_and_threads_are_columns_where_they_differ() -> None:
    one = _shown(runs.run(("line",), rounds=3))
    assert "line cpu, 1 thread" in one
    assert "threads " not in one
    assert "threads " in _shown(runs.run(("line",), rounds=3, threads=(1, 4)))


@pytest.mark.parametrize("width", [60, 80])
def test_a_narrow_terminal_loses_nothing(full: Run, width: int) -> None:
    shown = _shown(full, width)
    assert max(map(len, shown.splitlines())) <= width
    assert "…" not in shown


def test_names_are_neither_markup_nor_escape_codes() -> None:
    entry = runs.entry("line", "[red]x[/nope]\x1b[2J")
    shown = _shown(runs.read_back(runs.of(runs.header([entry]))))
    assert "[red]x[/nope]" in shown
    assert "\x1b" not in shown


def test_hostile_text_stays_text_and_moves_no_cursor() -> None:
    shown = _shown(runs.hostile())
    assert "<script>alert(1)</script>" in shown
    assert not set("\x1b\x9b\u202e") & set(shown)


def test_what_is_a_plugin_is_marked_and_the_mark_explained() -> None:
    own = _shown(runs.run(("line",), rounds=3))
    assert "†" not in own
    assert "plug-in" not in own
    entries = [
        runs.entry("line", "mine", plugin="mine.py"),
        runs.entry("line", "numpy-gelsd"),
    ]
    shown = _shown(runs.read_back(runs.of(runs.header(entries))))
    assert "mine †: " in shown
    assert "numpy-gelsd: " in shown
    legend = "† plug-in: what it says of itself is not checked by the suite's authors"
    assert shown.splitlines()[-1] == legend
    assert len(legend) < 80


def test_a_check_shows_errors_without_times() -> None:
    shown = _shown(runs.run(("line",), rounds=0))
    assert "6 of 6 fits passed; none was timed." in shown
    assert "✓" in shown
