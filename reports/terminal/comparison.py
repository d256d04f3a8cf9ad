"""Two runs against each other, in a terminal."""

from __future__ import annotations

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.estimates import Estimate
from reports import text
from reports.analysis.compare import FEWEST_ENTRIES, Change, Compared


def show(compared: Compared, console: Console, limit: float | None = None) -> None:
    """Print what differs, the entries, those that newly fail, and a conclusion.

    Args:
        compared: the two runs.
        console: where to.
        limit: the slow-down that is not accepted, as a share; None: any is only reported.
    """
    for name, was, now in compared.versions:
        console.print(Text(text.line(f"{name}: {was}, now {now}"), style="dim"))
    if compared.changes:
        console.print(_table(compared.changes))
    for mean in compared.overall:
        of = f"on average over {mean.n_workloads} workloads"
        verdict = mean.ratio.against_one()
        console.print(Text(text.line(f"{mean.place} {of}: {_with_interval(mean.ratio)} {verdict}")))
    for entry, why in compared.unmatched:
        console.print(Text(text.line(f"not compared: {entry}: {why}"), style="dim"))
    for row in compared.newly_failing:
        failing = text.line(f"newly failing: {row.entry}: {row.reason}")
        console.print(Text(failing, style="yellow"))
    if any(change.machine is None for change in compared.changes):
        console.print(
            f"Without a change of the machine: workloads of fewer than {FEWEST_ENTRIES} entries"
            " that both runs have timed cannot show it. `linreg-bench run --against REV`"
            " measures both in the same rounds.",
            markup=False,
            highlight=False,
        )
    console.print(_conclusion(compared, limit), markup=False, highlight=False)
    console.print(
        "The change of the machine is taken out; a slow-down of half of a workload's entries or"
        " more is taken for it.",
        style="dim",
        highlight=False,
    )


def _table(changes: list[Change]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for head in ("entry", "old", "new", "machine", "change", "verdict"):
        table.add_column(head, overflow="fold")
    for change in changes:
        cells = [
            text.line(change.new.entry),
            text.seconds(change.old.seconds_median),
            text.seconds(change.new.seconds_median),
            text.MISSING if change.machine is None else percent(change.machine),
            _with_interval(change.ratio),
            change.verdict,
        ]
        table.add_row(*map(Text, cells))
    return table


def percent(ratio: float) -> str:
    """A ratio of times as a change: `+12.3%`."""
    return f"{100 * (ratio - 1):+.1f}%"


def _with_interval(ratio: Estimate) -> str:
    # Without blanks within the interval, so that a narrow table wraps it as a whole.
    return f"{percent(ratio.value)} ({percent(ratio.low)}…{percent(ratio.high)})"


def _conclusion(compared: Compared, limit: float | None) -> str:
    verdicts = [change.verdict for change in compared.changes]
    said = (
        f"{len(verdicts)} of both runs: "
        f"{verdicts.count('slower')} slower, {verdicts.count('faster')} faster, "
        f"{verdicts.count('cannot tell')} cannot tell; {len(compared.newly_failing)} newly failing"
    )
    if limit is None:
        return f"{said}."
    names = [text.line(name) for name in compared.slower(limit)]
    return (
        f"{said}; slower by more than {100 * limit:g}% for certain: {text.both(names) or 'none'}."
    )
