"""What a person sees while a run works."""

from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console

from benchmarks.runfile.header import EntryRecord
from benchmarks.samples import Rounds, Sample
from reports.terminal.progress import TerminalProgress
from tests.reports import runs

HOSTILE = "[red]x[/nope]\x1b[2J"


def _timed(
    backend: str, seconds: float, device: str = "cpu", rounds: int = 12
) -> tuple[EntryRecord, Rounds]:
    samples = {n: Sample(0, seconds * (1 + 0.001 * (n % 3))) for n in range(rounds)}
    return runs.entry("tall", backend, device), samples


TIMED = [_timed(HOSTILE, 11e-3), _timed("numpy-loop", 2.8e-3)]


def _terminal() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, force_terminal=True, width=120, color_system=None), out


def _drawn(timed: list[tuple[EntryRecord, Rounds]]) -> list[str]:
    """The lines of the live table."""
    console, out = _terminal()
    with TerminalProgress(console) as shown:
        shown.standings("tall (4 of 6): round 30, 8 s left", timed)
        drawn = out.getvalue()
    return [" ".join(line.split()) for line in drawn.replace("\xa0", " ").splitlines()]


def test_a_terminal_shows_who_is_ahead_without_a_thread_of_its_own() -> None:
    console, out = _terminal()
    before = threading.active_count()
    with TerminalProgress(console) as shown:
        shown.standings("tall (4 of 6): round 30, 8 s left", TIMED)
        assert threading.active_count() == before
    written = out.getvalue().replace("\xa0", " ")
    for words in ("tall (4 of 6)", "numpy-loop cpu 1", "2.80 ms", "3.93× slower ("):
        assert words in written
    assert "[red]x[/nope] [2J cpu 1" in written
    assert "\x1b[2J" not in written


def test_a_terminal_is_drawn_every_few_seconds() -> None:
    now = [0.0]
    with TerminalProgress(_terminal()[0], clock=lambda: now[0]) as shown:
        drawn = 0
        for _ in range(1000):  # rounds of 10 ms
            now[0] += 0.01
            if shown.due():
                shown.standings("", TIMED)
                drawn += 1
    assert 3 <= drawn <= 10


def test_elsewhere_there_are_plain_lines_now_and_then() -> None:
    out = io.StringIO()
    now = [0.0]
    with TerminalProgress(Console(file=out, width=40), clock=lambda: now[0]) as shown:
        for number in range(5):
            now[0] += 1
            shown.standings(f"tall: round {number}", TIMED)
        shown.say("something with an \x1b[31mescape code, and longer than a line of the terminal")
    first, said = out.getvalue().splitlines()
    assert first == "tall: round 0; so far numpy-loop < [red]x[/nope] [2J"
    assert said.startswith("something with an  [31mescape code, and longer than")


@pytest.mark.parametrize("terminal", [True, False])
def test_quiet_shows_nothing(terminal: bool) -> None:
    out = io.StringIO()
    console = Console(file=out, force_terminal=terminal, quiet=True)
    with TerminalProgress(console, quiet=True) as shown:
        shown.say("x")
        shown.status("y")
        shown.standings("z", TIMED)
    assert out.getvalue() == ""


def test_entries_are_by_speed_against_the_usual_baseline_on_the_cpu() -> None:
    lines = _drawn(
        [
            _timed("slow", 4e-3),
            _timed("sklearn-linear", 1.5e-3, "cuda:0"),
            _timed("sklearn-linear", 2e-3),
            _timed("quick", 1e-3, "cuda:0", rounds=9),
            _timed("untimed", 1e-6, rounds=0),
        ]
    )
    [quick, cuda, usual, slow] = [line for line in lines if line[0].isdigit()]
    assert quick.startswith("1 quick cuda:0 1 1.00 ms 2.00× faster (")
    assert quick.endswith(" 9")
    assert cuda.startswith("2 sklearn-linear cuda:0 1 1.50 ms 1.33× faster (")
    assert usual == "3 sklearn-linear cpu 1 2.00 ms baseline 12"
    assert slow.startswith("4 slow cpu 1 4.00 ms 2.00× slower (")


def test_without_a_usual_baseline_it_is_the_fastest() -> None:
    lines = _drawn([_timed("slow", 4e-3), _timed("quick", 1e-3)])
    assert any(line == "1 quick cpu 1 1.00 ms baseline 12" for line in lines)


def test_before_the_first_sample_there_is_only_a_title() -> None:
    assert any("tall (4 of 6)" in line for line in _drawn([]))
