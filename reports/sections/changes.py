"""What stood side by side in the same rounds: another revision, or another environment."""

from collections.abc import Sequence

from benchmarks.estimates import Estimate
from benchmarks.runfile.records import FitRecord
from benchmarks.runfile.run import Run
from reports import text
from reports.analysis.changes import CONFIDENCE, Change

CAPTION = (
    "Side by side, in the same rounds: the time of the first over that of what stands beside it."
    f" All intervals hold together at {100 * CONFIDENCE:g} %."
)
HEADS = ("workload", "backend", "version", "beside", "ratio of times", "interval", "verdict")


def side_by_side(run: Run, changes: Sequence[Change]) -> list[tuple[str, ...]]:
    """The cells under `HEADS` for all changes of which a side was timed."""
    entries = {entry.id: entry for entry in run.header.entries}
    several = len({(entry.device, entry.threads) for entry in entries.values()}) > 1
    found: list[tuple[str, ...]] = []
    for change in changes:
        if not any(run.rounds(side) for side in (change.entry, change.other)):
            continue
        entry = entries[change.other]
        where = f" ({text.where(entry)})" if several else ""
        variant = entry.variant.name if entry.variant else ""
        version, other = (_version(run.first_fit(id)) for id in (change.entry, change.other))
        beside = entry.workload, entry.backend + where, version, f"{variant} {other}".strip()
        found.append((*beside, *_words(change.ratio)))
    return found


def _version(fit: FitRecord | None) -> str:
    """Of the framework, as it says itself."""
    return str(fit.description.get("version", "")) if fit else ""


def _words(ratio: Estimate | None) -> tuple[str, str, str]:
    if ratio is None:
        return text.MISSING, text.MISSING, "not both timed"
    interval = f"{ratio.low:.3f} to {ratio.high:.3f}"
    return f"{ratio.value:.4f}", interval, ratio.against_one()
