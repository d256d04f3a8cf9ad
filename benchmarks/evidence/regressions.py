"""Is a backend that became slower found, and is one that did not left alone?"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.engine.plan import Plan
from benchmarks.engine.process import ROOT, Launch
from benchmarks.errors import FAILED, UserError
from benchmarks.evidence.versus import copy, make_plan, measure, ratios
from benchmarks.problems.workloads import select

_SLOWED = "torch-cholesky"
_OTHERS = ("numpy-gelsd", "scipy-*y", "torch-gelsy", "sklearn-linear")
_WORKLOADS = ("line", "500x5", "300x20", "1000x10:float64", "2000x5")
#: With which all ratios of a run hold together, as for `linreg-bench run --fail-if-slower`.
_CONFIDENCE = 0.99

Times = Annotated[int, typer.Option(help="How often.")]
Seconds = Annotated[float, typer.Option(help="Measurement time of each run.")]
Percent = Annotated[float, typer.Option(help="How much extra work the slower version does.")]
Limit = Annotated[float, typer.Option(help="The slow-down that is not accepted, in percent.")]


def beside(
    times: Times = 10, seconds: Seconds = 15.0, percent: Percent = 10.0, limit: Limit = 5.0
) -> None:
    """Time a backend beside itself and beside a slower version, in the same rounds."""
    again, slow = copies = copy(), copy(percent / 100)
    plan = _plan([_SLOWED], copies)
    confidence = 1 - (1 - _CONFIDENCE) / (len(copies) * len(_WORKLOADS))
    called = []
    for number in range(times):
        found = ratios(measure(plan, seconds), confidence)
        for entry, ratio in found.items():
            print(f"{number + 1:3}: {entry.id}: {ratio}", flush=True)
        called += [{e.variant for e, ratio in found.items() if ratio.low > 1 + limit / 100}]
    wrong, right = (sum(c.variant in found for found in called) for c in (again, slow))
    print(f"false alarms: {wrong} of {times}; {percent:g} % found: {right} of {times}")


def between(
    times: Times = 10, seconds: Seconds = 60.0, percent: Percent = 10.0, limit: Limit = 5.0
) -> None:
    """Compare runs of the same code, and with runs in which one backend has become slower."""
    plan = _plan([_SLOWED, *_OTHERS])
    slowed = [
        # Under its own name, and not as a variant: only the time of its fits tells.
        replace(e, process=replace(e.process, launch=Launch(extra_work=percent / 100)))
        if e.backend.name == _SLOWED
        else e
        for e in plan.entries
    ]
    wrong = found = 0
    for number in range(times):
        with tempfile.TemporaryDirectory() as folder:
            old, same, new = (Path(folder) / name for name in ("old", "same", "new"))
            for path in (old, same):
                measure(plan, seconds, folder=path)
            measure(replace(plan, entries=slowed), seconds, folder=new)
            print(f"{number + 1}: the same code:")
            wrong += _is_slower(old, same, limit)
            print(f"{number + 1}: {percent:g} % more work of {_SLOWED}:")
            found += _is_slower(old, new, limit)
    print(f"false alarms: {wrong} of {times}; {percent:g} % found: {found} of {times}")


def _plan(backends: Sequence[str], copies: Sequence[Launch] = ()) -> Plan:
    """Of small least-squares workloads."""
    return make_plan(select(_WORKLOADS), backends, copies, replicates=3)


def _is_slower(old: Path, new: Path, limit: float) -> bool:
    """Whether `linreg-bench compare` says so; shows what it prints."""
    command = [sys.executable, "-m", "benchmarks.cli", "compare", str(old), str(new)]
    done = subprocess.run([*command, f"--fail-if-slower={limit}%"], cwd=ROOT)
    if done.returncode not in (0, FAILED):
        raise UserError(f"`{' '.join(command)}` ended with status {done.returncode}")
    return done.returncode == FAILED
