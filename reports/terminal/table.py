"""The results in a terminal: one table for each workload."""

from collections.abc import Iterable, Sequence

import rich.console
from rich.table import Column, Table
from rich.text import Text

from reports import answer, text
from reports.analysis.rows import Row, by_workload

#: After the name of a plug-in's backend; the last line says what it means.
_PLUGIN = " †"


class Console(rich.console.Console):
    """The terminal, as all commands write to it."""

    def on_broken_pipe(self) -> None:
        """Leave it to the command: rich would end the process, without the report."""
        raise BrokenPipeError


def grid(heads: Iterable[str], rows: Iterable[Sequence[str]], no_wrap: bool = False) -> Table:
    """A table without lines, whose cells are plain text; `no_wrap` cuts off what is too long."""
    # A name that is cut in two is no name.
    columns = [
        Column(Text(head), no_wrap=no_wrap or head == "backend", overflow="fold") for head in heads
    ]
    table = Table(*columns, box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for cells in rows:
        table.add_row(*map(Text, cells))
    return table


def show(rows: Sequence[Row], console: rich.console.Console) -> None:
    """Print each workload's answer, its ranking, and apart from it what could not be ranked."""
    for workload, same in by_workload(rows).items():
        labels, places = text.labels(same), {text.where(row.entry) for row in same}
        # A terminal has no room to repeat a place that all rows share.
        where = places.pop() if len(places) == 1 else ""
        console.print(Text(workload, style="bold"), Text(where, style="dim"))
        if same[0].data:
            console.print(Text(same[0].data))
        console.print(Text(answer.sentence(same)))
        if passed := [row for row in same if row.passed]:
            console.print(_ranking(passed, mixed=not where))
        for row in (row for row in same if not row.passed):
            name = f"{labels[row.entry.id]}{_mark(row)}"
            console.print(Text(f"{row.status}: {name}: ", style="yellow") + Text(row.reason))
        console.print()
    if any(map(_mark, rows)):
        console.print(Text(f"{_PLUGIN.strip()} plug-in: {text.UNVOUCHED}", style="dim"))


def _mark(row: Row) -> str:
    return _PLUGIN if row.entry.plugin else ""


def _ranking(rows: Sequence[Row], mixed: bool) -> Table:
    where = ("device", "threads") if mixed else ()
    heads = ("#", "backend", *where, "time of one fit", f"against {rows[0].baseline}", "verdict")
    return grid(heads, (_cells(row, mixed) for row in rows))


def _cells(row: Row, mixed: bool) -> list[str]:
    where = (row.entry.device, str(row.entry.threads)) if mixed else ()
    time = with_interval(text.seconds(row.time), text.between(row.time))
    error = text.error(row.verdict.weight_error if row.verdict else None)
    against = with_interval(*text.against(row))
    return [row.place, row.entry.name + _mark(row), *where, time, against, f"✓ {error}"]


def with_interval(value: str, interval: str) -> str:
    """`value (low–high)`, without blanks in the interval, so that it wraps as a whole."""
    return f"{value} ({interval.replace(' to ', '–')})" if interval else value
