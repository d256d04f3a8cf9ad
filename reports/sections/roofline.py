"""What the machine can do at best, and the floors that follow from it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from benchmarks.runfile.records import RooflineRecord, WorkloadRecord
from benchmarks.runfile.run import Run
from reports import text
from reports.analysis import roofline
from reports.analysis.roofline import Best, Call, Floor, Place


@dataclass(frozen=True)
class RooflineSection:
    """What a run measured of its machine."""

    workloads: Mapping[str, WorkloadRecord]
    floors: Mapping[Place, Floor]
    calls: Sequence[Call]
    seconds: float  # what measuring them took


def roofline_section(run: Run) -> RooflineSection | None:
    """None where nothing was measured."""
    measured = run.of(RooflineRecord)
    if not measured:
        return None
    took = sum(record.took_seconds for record in measured)
    return RooflineSection(run.workloads, roofline.floors(run), roofline.calls(run), took)


def rate(best: Best, unit: str) -> str:
    """The best rate, and by which share the median of all measurements is below it."""
    return f"{text.amount(best.value, unit)} (−{1 - best.typical / best.value:.0%})"
