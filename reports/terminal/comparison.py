"""Two runs against each other, in a terminal."""

from rich.console import Console
from rich.text import Text

from benchmarks.estimates import Estimate
from reports import text
from reports.analysis.compare import FEWEST_ENTRIES, Compared, EntryChange
from reports.terminal.table import grid

_HEADS = ("entry", "old", "new", "machine", "change", "verdict")
_FEW = f"""\
Workloads of which both runs have timed fewer than {FEWEST_ENTRIES} entries cannot show the \
machine's change. `linreg-bench run --against REV` measures both in the same rounds."""
_LIMITS = """\
The machine's change is divided out; a slow-down of half of a workload's entries or more counts \
as the machine's."""


def show(compared: Compared, console: Console, limit: float | None = None) -> None:
    """Print what differs, the entries, those that newly fail, and a conclusion.

    It names what is slower by more than `limit`, a share, if that is given.
    """
    for name, was, now in compared.versions:
        console.print(Text(f"{name}: {was}, now {now}", style="dim"))
    if compared.changes:
        console.print(grid(_HEADS, map(_cells, compared.changes)))
    for mean in compared.overall:
        verdict = f"{_change(mean.ratio)} {mean.ratio.against_one()}"
        over = f"on average over {mean.n_workloads} workloads"
        console.print(Text(f"{mean.backend} {over}: {verdict}"))
    for entry, why in compared.unmatched:
        console.print(Text(f"not compared: {entry}: {why}", style="dim"))
    for row in compared.newly_failing:
        console.print(Text(f"newly failing: {row.entry.id}: {row.reason}", style="yellow"))
    if any(change.machine is None for change in compared.changes):
        console.print(Text(_FEW))
    console.print(Text(_conclusion(compared, limit)))
    console.print(Text(_LIMITS, style="dim"))


def _cells(change: EntryChange) -> list[str]:
    return [
        change.new.entry.id,
        text.seconds(change.old.time),
        text.seconds(change.new.time),
        text.MISSING if change.machine is None else text.percent(change.machine),
        _change(change.ratio),
        change.ratio.against_one(),
    ]


def _change(ratio: Estimate) -> str:
    value, low, high = map(text.percent, (ratio.value, ratio.low, ratio.high))
    return f"{value} ({low}…{high})"


def _conclusion(compared: Compared, limit: float | None) -> str:
    verdicts = [change.ratio.against_one() for change in compared.changes]
    counts = ", ".join(f"{verdicts.count(w)} {w}" for w in ("slower", "faster", "cannot tell"))
    newly = f"{len(compared.newly_failing)} newly failing"
    said = f"{len(verdicts)} of both runs: {counts}; {newly}"
    if limit is None:
        return f"{said}."
    names = text.both(compared.slower(limit)) or "none"
    return f"{said}; slower by more than {100 * limit:g}% for certain: {names}."
