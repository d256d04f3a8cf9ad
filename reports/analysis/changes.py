"""What differs between entries and their variants: another revision or another environment.

Both were measured in the same rounds.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import estimates
from benchmarks.estimates import Estimate
from benchmarks.runfile.run import Run
from reports.analysis.rows import Row

#: For all pairs together: a check that runs every day must not raise a false alarm every month.
CONFIDENCE = 0.99


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
