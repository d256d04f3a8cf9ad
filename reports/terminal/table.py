"""The results in a terminal: one table per workload."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby

from rich.console import Console
from rich.table import Table
from rich.text import Text

from reports import answer, text
from reports.analysis.rows import Row


def show(rows: Sequence[Row], console: Console) -> None:
    """Print each workload's answer, its ranking, and apart from it what could not be ranked."""
    for workload, group in groupby(rows, key=lambda row: row.workload):
        same = list(group)
        labels = text.labels(same)
        console.print(Text(text.line(workload), style="bold"), Text(_where(same), style="dim"))
        console.print(Text(answer.sentence(same)))
        if passed := [row for row in same if row.passed]:
            console.print(_ranking(passed, mixed=not _where(same)))
        for row in (row for row in same if not row.passed):
            what = Text(f"{row.status}: {labels[row.entry]}: ", style="yellow")
            console.print(what + Text(text.line(row.reason)))
        console.print()


def _where(rows: Sequence[Row]) -> str:
    """Device and threads, if all rows have the same: a terminal has no room to repeat them."""
    places = {f"{text.line(row.device)}, {text.count(row.threads, 'thread')}" for row in rows}
    return places.pop() if len(places) == 1 else ""


def _ranking(rows: Sequence[Row], mixed: bool) -> Table:
    baseline = text.line(next((row.baseline for row in rows if row.baseline), ""))
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    where = ("device", "threads") if mixed else ()
    for head in ("#", "backend", *where, "time of one fit", f"against {baseline}", "verdict"):
        table.add_column(Text(head), overflow="fold")
    for row in rows:
        word, interval = text.against(row)
        cells = [
            row.rank,
            text.line(row.backend),
            *((text.line(row.device), str(row.threads)) if mixed else ()),
            _limits(
                text.seconds(row.seconds_median),
                text.between(row.seconds_median, row.seconds_low, row.seconds_high),
            ),
            _limits(word, interval),
            f"✓ {text.error(row.weight_error)}",
        ]
        table.add_row(*map(Text, cells))
    return table


def _limits(value: str, interval: str) -> str:
    """A value and its interval; without blanks, so that a narrow table wraps it as a whole."""
    return f"{value} ({interval.replace(' to ', '–')})" if interval else value
