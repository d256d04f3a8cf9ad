"""What differences can this machine tell, and in how much time?

A backend is timed against itself and against copies of itself that do known amounts of extra
work. What comes out is kept in `reports/calibration.json`, and shown with the results of later
runs on the same machine.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from backends.base import Backend
from benchmarks import estimates
from benchmarks.engine import machine
from benchmarks.engine.process import ROOT, Variant
from benchmarks.errors import UserError
from benchmarks.estimates import Estimate
from benchmarks.evidence.versus import AGAIN, Overhead, overhead, versus
from benchmarks.problems.workloads import Workload

FILE = ROOT / "reports" / "calibration.json"
EXTRA_WORK = (0.02, 0.05)  # of the slowed copies
REPLICATES = 4
#: A difference is called in most comparisons if it exceeds half the interval's width by this
#: factor: 1.96 standard errors of reach, and 1.64 more so that 95 in 100 lie beyond it.
_POWER = 1 + 1.64 / 1.96


@dataclass(frozen=True)
class Resolution:
    """The smallest difference that is told in most comparisons that last that long."""

    seconds: float  # of measurement, both sides together
    difference: float  # 0.02: one side takes 2 % longer


@dataclass(frozen=True)
class Calibration:
    """What was found, on which machine."""

    cpu: str
    cores_used: list[int]
    taken: str
    ratios: dict[str, Estimate]  # time of each copy over that of the backend
    resolutions: list[Resolution]
    overhead: Overhead

    def line(self) -> str:
        """The resolution in one line."""
        parts = [f"{100 * r.difference:.1f} % in {r.seconds:g} s" for r in self.resolutions]
        return f"this machine can tell two entries apart that differ by {', or '.join(parts)}"


def calibrate(
    workload: Workload, backend: type[Backend], seconds: float, cores: Sequence[int], seed: int
) -> Calibration:
    """Measure for `seconds`, on one core or as many as the workload has threads.

    Raises:
        UserError: a worker failed, or the time was too short.
    """
    slowed = [Variant(f"{share:.0%} more work", extra_work=share) for share in EXTRA_WORK]
    variants = [AGAIN, *slowed]
    found = versus(
        workload,
        backend,
        variants,
        seconds,
        cores=cores,
        threads=workload.threads or len(cores),
        replicates=REPLICATES,
        seed=seed,
    )
    # A pair is two of the entries that shared the time.
    of_pair = 2 * seconds / (1 + len(variants))
    names = [variant.name for variant in variants]
    resolutions = []
    for share in (1 / 3, 1.0):
        reach = [found.ratio(name, estimates.CONFIDENCE, share).precision for name in names]
        typical = sorted(reach)[len(reach) // 2]
        resolutions.append(Resolution(round(of_pair * share, 1), _POWER * typical))
    facts = machine.describe(list(cores))
    return Calibration(
        cpu=facts["cpu"],
        cores_used=facts["cores_used"],
        taken=datetime.now(UTC).isoformat(timespec="seconds"),
        ratios={name: found.ratio(name, estimates.CONFIDENCE) for name in names},
        resolutions=resolutions,
        overhead=overhead(cores),
    )


def save(calibration: Calibration, path: Path = FILE) -> None:
    """Keep it for later runs.

    Raises:
        UserError: the file cannot be written.
    """
    text = json.dumps(asdict(calibration) | {"line": calibration.line()}, indent=1)
    try:
        path.write_text(text + "\n")
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror}") from error


def known(facts: dict[str, Any], path: Path = FILE) -> dict[str, Any] | None:
    """The calibration of this machine, if there is one: `line` and what it was made of."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError):
        return None
    same = all(found.get(key) == facts[key] for key in ("cpu", "cores_used"))
    return dict(found) if same else None
