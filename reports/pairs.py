"""What stood side by side in the same rounds: another revision, or another environment."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from rich.console import Console
from rich.table import Table
from rich.text import Text

from benchmarks.against import CONFIDENCE, changes
from benchmarks.estimates import Estimate
from benchmarks.runfile import Record, of_kind
from reports import text

#: What the figures are, for a caption.
CAPTION = (
    f"Side by side, in the same rounds; all intervals hold together at {100 * CONFIDENCE:g} %."
)
HEADS = ("workload", "backend", "beside", "ratio of times", "interval", "the first is")


@dataclass(frozen=True)
class Pair:
    """One entry and what stood beside it, in words."""

    workload: str
    name: str  # with its framework's version; with device and threads where those differ
    other: str
    ratio: str  # time of the first over that of the other
    interval: str
    verdict: str

    @property
    def cells(self) -> tuple[str, ...]:
        """As they stand under `HEADS`."""
        return self.workload, self.name, self.other, self.ratio, self.interval, self.verdict


def pairs(records: Sequence[Record]) -> list[Pair]:
    """All pairs of a run; none unless it had another revision or environment."""
    fits = {fit["entry"]: fit for fit in of_kind(records, "fit")}
    entries = {entry["entry"]: entry for entry in records[0]["entries"]}

    places = {(e["device"], e["threads"]) for e in entries.values()}

    def name(entry: str) -> str:
        version = ((fits.get(entry) or {}).get("description") or {}).get("version", "")
        backend, device, threads = entry.split("/")[-3:]
        where = f"({device}, {text.count(int(threads), 'thread')})" if len(places) > 1 else ""
        return text.line(f"{backend} {version} {where}".replace("  ", " "))

    return [
        Pair(
            text.line(entries[change.other]["workload"]),
            name(change.entry),
            name(change.other),
            *_words(change.ratio),
        )
        for change in changes(records)
    ]


def _words(ratio: Estimate | None) -> tuple[str, str, str]:
    if ratio is None:
        return text.MISSING, text.MISSING, "not both timed"
    interval = f"{ratio.low:.3f} to {ratio.high:.3f}"
    return f"{ratio.value:.4f}", interval, ratio.against_one()


def show(records: Sequence[Record], console: Console) -> None:
    """Print the pairs, if there are any."""
    if not (found := pairs(records)):
        return
    table = Table(box=None, padding=(0, 2, 0, 0), pad_edge=False, header_style="dim")
    for head in HEADS:
        table.add_column(head, overflow="fold")
    for pair in found:
        table.add_row(*map(Text, pair.cells))
    console.print(Text(CAPTION, style="bold"))
    console.print(table)
    console.print()
