"""What differences can this machine tell, and in how much time?

A backend is timed against copies of itself that do known amounts of extra work. The result is
kept in `reports/calibration.json`, and shown with later runs on the same machine.
"""

import json
import statistics
import tempfile
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from backends.description import Description
from benchmarks.engine import machine
from benchmarks.engine.plan import Entry
from benchmarks.engine.pool import Pool
from benchmarks.engine.process import ROOT, Process
from benchmarks.errors import UserError, os_errors
from benchmarks.estimates import Estimate
from benchmarks.evidence import nothing
from benchmarks.evidence.versus import copy, make_plan, measure, ratios
from benchmarks.problems.workloads import WORKLOADS, Workload
from benchmarks.runfile import writer
from benchmarks.runfile.header import Machine

FILE = ROOT / "reports" / "calibration.json"
COPIES = (copy(), copy(0.02), copy(0.05))
#: A difference of so many half widths of the interval is detected 95 times in 100: 1.96 standard
#: errors are one half width, and 1.64 more are needed.
_POWER = 1 + 1.64 / 1.96


@dataclass(frozen=True)
class Resolution:
    """The smallest difference that most comparisons of this length detect."""

    seconds: float  # of measurement, both sides together
    difference: float  # 0.02: one side takes 2 % longer


@dataclass(frozen=True)
class Overhead:
    """What the suite itself adds, in seconds."""

    empty_fit: float  # per fit, within a sample
    between_samples: float  # per sample: messages, stopping and waking the worker


@dataclass(frozen=True)
class Calibration:
    """What was found, on which machine."""

    cpu: str
    cores_used: Sequence[int]
    taken: str
    ratios: dict[str, Estimate]  # time of each copy over that of the backend
    resolutions: Sequence[Resolution]
    overhead: Overhead

    def line(self) -> str:
        """The resolution in one line."""
        parts = [f"{100 * r.difference:.1f} % in {r.seconds:g} s" for r in self.resolutions]
        return f"this machine can tell two entries apart that differ by {', or '.join(parts)}"


def calibrate(
    workloads: Sequence[Workload], backend: str, seconds: float, seed: int
) -> Calibration:
    """Measure for `seconds`, on one core or as many as the workload has threads.

    Raises:
        UserError: a worker failed, the time was too short, or there is not one of each.
    """
    plan = make_plan(workloads, [backend], COPIES, threads=None, replicates=4)
    if len(plan.entries) > 1 + len(COPIES):
        raise UserError("calibrate one backend on one workload")
    run = measure(plan, seconds, seed)
    # A pair is two of the entries that shared the time.
    of_pair = 2 * seconds / len(plan.entries)
    resolutions = []
    for share in (1 / 3, 1.0):
        found = ratios(run, share=share).values()
        reach = statistics.median(ratio.precision for ratio in found)
        resolutions.append(Resolution(round(of_pair * share, 1), _POWER * reach))
    return Calibration(
        cpu=run.header.machine.cpu,
        cores_used=run.header.machine.cores_used,
        taken=writer.now(),
        ratios={entry.name: ratio for entry, ratio in ratios(run).items()},
        resolutions=resolutions,
        overhead=overhead(),
    )


def overhead() -> Overhead:
    """Time an empty fit, and what passes between two samples of it."""
    description = Description.of(nothing.Nothing, nothing.__name__, plugin=nothing.__file__)
    process = Process("nothing", "cpu", 1, plugin=description.plugin)
    entry = Entry(WORKLOADS["line"], description, process)
    with (
        tempfile.TemporaryDirectory() as folder,
        Pool(Path(folder), machine.usable_cores()) as pool,
    ):
        pool.first_fit(entry)
        empty = [pool.sample(entry.process, 1000) for _ in range(20)]
        between = []
        for _ in range(200):
            began = time.perf_counter()
            inside = pool.sample(entry.process, 1)
            between.append(time.perf_counter() - began - inside)
    return Overhead(statistics.median(empty), statistics.median(between))


def save(calibration: Calibration, path: Path = FILE) -> None:
    """Keep it for later runs.

    Raises:
        UserError: the file cannot be written.
    """
    text = json.dumps(asdict(calibration) | {"line": calibration.line()}, indent=1)
    with os_errors(f"cannot write {path}"):
        path.write_text(text + "\n")


def known(here: Machine, path: Path = FILE) -> str:
    """The resolution of this machine in one line; empty if it was not calibrated."""
    try:
        found = json.loads(path.read_text())
        same = found["cpu"] == here.cpu and found["cores_used"] == list(here.cores_used)
        return str(found["line"]) if same else ""
    except (OSError, ValueError, TypeError, KeyError):
        return ""
