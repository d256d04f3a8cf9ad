"""What stood side by side in the same rounds: another revision, or another environment."""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import estimates
from benchmarks.estimates import Estimate
from benchmarks.runfile.records import FitRecord
from benchmarks.runfile.run import Run
from reports import text
from reports.analysis.rows import Row

#: For all pairs together: a check that runs every day must not raise a false alarm every month.
CONFIDENCE = 0.99
CAPTION = (
    "Side by side, in the same rounds: the time of the first over that of what stands beside it."
    f" All intervals hold together at {100 * CONFIDENCE:g} %."
)
HEADS = ("workload", "backend", "version", "beside", "ratio of times", "interval", "verdict")


@dataclass(frozen=True)
class Change:
    """The time of one entry over that of its variant."""

    entry: str  # the id of the entry as it is
    other: str  # the id of its variant
    ratio: Estimate | None  # None if one of the two was not timed

    def certainly_slower(self, share: float) -> bool:
        """Whether the slow-down is larger than `share` for certain."""
        return self.ratio is not None and self.ratio.low > 1 + share


def changes(run: Run, rows: Sequence[Row]) -> list[Change]:
    """Every entry that has a variant against it; all intervals hold together."""
    pairs = [(entry.original, entry.id) for entry in run.header.entries if entry.variant]
    timed = {row.entry.id: row for row in rows if row.status == "passed"}
    confidence = 1 - (1 - CONFIDENCE) / max(len(pairs), 1)

    def ratio(one: str, other: str) -> Estimate | None:
        if one not in timed or other not in timed:
            return None
        return estimates.ratio(timed[one].times, timed[other].times, confidence, timed[one].scatter)

    return [Change(one, other, ratio(one, other)) for one, other in pairs]


def side_by_side(run: Run, changes: Sequence[Change]) -> list[tuple[str, ...]]:
    """The cells under `HEADS` for all changes of which a side was timed."""
    entries = {entry.id: entry for entry in run.header.entries}
    several = len({(entry.device, entry.threads) for entry in entries.values()}) > 1
    found: list[tuple[str, ...]] = []
    for change in changes:
        if not any(run.rounds(side) for side in (change.entry, change.other)):
            continue
        entry, ratio = entries[change.other], change.ratio
        where = f" ({text.where(entry)})" if several else ""
        variant = entry.variant.name if entry.variant else ""
        version, other = (_version(run.first_fit(id)) for id in (change.entry, change.other))
        words = text.MISSING, text.MISSING, "not both timed"
        if ratio:
            interval = f"{ratio.low:.3f} to {ratio.high:.3f}"
            words = f"{ratio.value:.4f}", interval, ratio.against_one()
        beside = f"{variant} {other}".strip()
        found.append((entry.workload, entry.backend + where, version, beside, *words))
    return found


def _version(fit: FitRecord | None) -> str:
    """Of the framework, as it says itself."""
    return str(fit.description.get("version", "")) if fit else ""
