"""What stood side by side in the same rounds: another revision, or another environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import astuple, dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.estimates import Estimate
from benchmarks.runfile import Record, of_kind
from reports import text
from reports.analysis.changes import CONFIDENCE, Change, changes

#: What the figures are, for a caption.
CAPTION = (
    "Side by side, in the same rounds: the time of the first over that of what stands beside it."
    f" All intervals hold together at {100 * CONFIDENCE:g} %."
)
HEADS = ("workload", "backend", "version", "beside", "ratio of times", "interval", "verdict")


@dataclass(frozen=True)
class Pair:
    """One entry and what stood beside it, in words; the fields stand under `HEADS`."""

    workload: str
    backend: str  # with device and threads, where entries of the run differ in them
    version: str  # of its framework
    other: str  # what stood beside it, with its version
    ratio: str  # time of the first over that of the other
    interval: str
    verdict: str  # of the first

    @property
    def cells(self) -> tuple[str, ...]:
        """As they stand under `HEADS`."""
        return astuple(self)


def pairs(records: Sequence[Record], beside: Sequence[Change]) -> list[Pair]:
    """All pairs of which a side was timed; none unless a run had another way to run backends.

    Args:
        records: of the run.
        beside: its changes against what stood beside.
    """
    fits = {fit["entry"]: fit.get("description") or {} for fit in of_kind(records, "fit")}
    entries = {entry["entry"]: entry for entry in records[0]["entries"]}
    places = {(entry["device"], entry["threads"]) for entry in entries.values()}
    timed = {sample["entry"] for sample in of_kind(records, "sample")}
    found = []
    for change in beside:
        if not timed & {change.entry, change.other}:
            continue
        entry = entries[change.other]
        backend, _, way = entry["backend"].rpartition("@")
        where = f" ({entry['device']}, {text.count(entry['threads'], 'thread')})"
        version, other = (
            text.line(fits.get(side, {}).get("version", ""))
            for side in (change.entry, change.other)
        )
        found.append(
            Pair(
                text.line(entry["workload"]),
                text.line(backend + (where if len(places) > 1 else "")),
                version,
                text.line(f"{way} {other}"),
                *_words(change.ratio),
            )
        )
    return found


def _words(ratio: Estimate | None) -> tuple[str, str, str]:
    if ratio is None:
        return text.MISSING, text.MISSING, "not both timed"
    interval = f"{ratio.low:.3f} to {ratio.high:.3f}"
    return f"{ratio.value:.4f}", interval, ratio.against_one()


def show(records: Sequence[Record], console: Console) -> None:
    """Print the pairs, if there are any."""
    if not (found := pairs(records, changes(records))):
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for head in HEADS:
        table.add_column(head, overflow="fold")
    for pair in found:
        table.add_row(*map(Text, pair.cells))
    console.print(Text(CAPTION, style="bold"))
    console.print(table)
    console.print()
