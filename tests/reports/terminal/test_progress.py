"""What a person sees while a run works."""

from __future__ import annotations

import io
import threading

import pytest
from rich.console import Console

from benchmarks.engine.schedule import Runner
from benchmarks.estimates import Estimate, Sample
from reports.terminal import progress, standings
from reports.terminal.progress import Progress
from reports.terminal.standings import Standing

FOUND = [
    Standing("numpy-loop cpu 1", "1", 0.0028, Estimate(0.25, 0.2, 0.3), 30),
    Standing("[red]x[/nope]\x1b[2J cpu 1", "2=", 0.011, None, 29),
]


def _terminal() -> tuple[Console, io.StringIO]:
    out = io.StringIO()
    return Console(file=out, force_terminal=True, width=100, color_system=None), out


def test_a_terminal_shows_who_is_ahead_without_a_thread_of_its_own() -> None:
    console, out = _terminal()
    before = threading.active_count()
    with Progress(console) as shown:
        shown.standings("tall (4 of 6): round 30, 8 s left", FOUND)
        assert threading.active_count() == before
    written = out.getvalue().replace("\xa0", " ")
    for words in ("tall (4 of 6)", "numpy-loop cpu 1", "2.80 ms", "4.00× faster (3.33 to 5.00)"):
        assert words in written
    assert "[red]x[/nope] [2J cpu 1" in written
    assert "\x1b[2J" not in written


def test_a_terminal_is_drawn_every_few_seconds(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now = [0.0]
    monkeypatch.setattr(progress.time, "monotonic", lambda: now[0])
    with Progress(_terminal()[0]) as shown:
        drawn = 0
        for _ in range(1000):  # rounds of 10 ms
            now[0] += 0.01
            if shown.due():
                shown.standings("", FOUND)
                drawn += 1
    assert 3 <= drawn <= 10


def test_elsewhere_there_are_plain_lines_now_and_then() -> None:
    out = io.StringIO()
    with Progress(Console(file=out, width=40)) as shown:
        for number in range(5):
            shown.standings(f"tall: round {number}", FOUND)
        shown.say("something with an \x1b[31mescape code, and longer than a line of the terminal")
    first, said = out.getvalue().splitlines()
    assert first == "tall: round 0; so far numpy-loop < [red]x[/nope] [2J"
    assert said.startswith("something with an  [31mescape code, and longer than")


@pytest.mark.parametrize("terminal", [True, False])
def test_quiet_shows_nothing(capsys: pytest.CaptureFixture[str], terminal: bool) -> None:
    out = io.StringIO()
    with Progress(Console(file=out, force_terminal=terminal, quiet=True), quiet=True) as shown:
        shown.say("x")
        shown.status("y")
        shown.standings("z", FOUND)
    assert out.getvalue() == ""


def _runner(entry: str, seconds: float, rounds: int) -> Runner:
    runner = Runner(entry, lambda replicate, fits: seconds, seconds)
    runner.rounds = {n: Sample(0, seconds * (1 + 0.001 * (n % 3))) for n in range(rounds)}
    return runner


def test_standings_are_by_speed_against_the_baseline_that_was_timed() -> None:
    runners = [
        _runner("5x2:sigma=1/slow/cpu/1", 4e-3, 12),
        _runner("5x2:sigma=1/usual/cpu/1", 2e-3, 12),
        _runner("5x2:sigma=1/quick/cuda:0/1", 1e-3, 12),
        _runner("5x2:sigma=1/untimed/cpu/1", 1e-6, 0),
    ]
    runners[-1].rounds = {}
    wanted = ["5x2:sigma=1/untimed/cpu/1", "5x2:sigma=1/usual/cpu/1"]
    quick, usual, slow = standings.standings(runners, wanted)
    assert (quick.name, quick.rank, quick.rounds) == ("quick cuda:0 1", "1", 12)
    assert quick.ratio is not None
    assert slow.ratio is not None
    assert quick.ratio.value == pytest.approx(0.5)
    assert slow.ratio.against_one() == "slower"
    assert usual.ratio is None
    assert standings.standings(runners, [])[0].ratio is None
    assert standings.standings([], wanted) == []
