"""The ranking in a terminal while it is being measured."""

from __future__ import annotations

from collections.abc import Sequence

from rich.table import Table
from rich.text import Text

from benchmarks.estimates import Estimate
from reports import text
from reports.terminal.standings import Standing

_HEADS = ("#", "backend, device, threads", "time of one fit", "against the baseline", "rounds")


def table(title: str, standings: Sequence[Standing]) -> Table:
    """What is being measured, and who is ahead so far."""
    made = Table(
        title=Text(text.line(title), style="bold"),
        title_justify="left",
        box=None,
        padding=(0, 2, 0, 0),
        pad_edge=False,
        header_style="dim",
    )
    for head in _HEADS:
        # Rows that wrapped would make the table jump from one look to the next.
        made.add_column(head, no_wrap=True, overflow="ellipsis")
    for standing in standings:
        cells = (
            standing.rank,
            text.line(standing.name),
            text.seconds(standing.seconds),
            _against(standing.ratio),
            f"{standing.rounds:,}",
        )
        made.add_row(*map(Text, cells))
    return made


def _against(ratio: Estimate | None) -> str:
    if ratio is None:
        return "baseline"
    word, interval = text.compared(Estimate(1 / ratio.value, 1 / ratio.high, 1 / ratio.low))
    return f"{word} ({interval})"
