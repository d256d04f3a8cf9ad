"""What differs between today's entries and those of another revision or environment beside them.

Both were measured in the same rounds; in a run file, revisions and environments look alike.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from benchmarks import estimates
from benchmarks.estimates import Estimate
from benchmarks.runfile import Record
from reports.analysis import rows as results

#: For all pairs together: a check that runs every day must not cry wolf once a month.
CONFIDENCE = 0.99


@dataclass(frozen=True)
class Change:
    """Today's time over that of the other revision or environment, for one entry."""

    entry: str
    other: str  # the entry that stands beside it
    ratio: Estimate | None  # None if one of the two was not timed

    def certainly_slower(self, share: float) -> bool:
        """Whether the slow-down is larger than `share` for certain."""
        return self.ratio is not None and self.ratio.low > 1 + share


def changes(records: Sequence[Record]) -> list[Change]:
    """Today's entries against those beside them; all intervals hold together."""
    pairs = [(e["variant_of"], e["entry"]) for e in records[0]["entries"] if e["variant_of"]]
    if not pairs:
        return []
    timed = {row.entry: row.times for row in results.rows(records) if row.status == "passed"}
    confidence = 1 - (1 - CONFIDENCE) / max(len(pairs), 1)
    return [
        Change(
            today,
            before,
            estimates.ratio(timed[today], timed[before], confidence)
            if today in timed and before in timed
            else None,
        )
        for today, before in pairs
    ]
